"""What is broken in drills, and which alert has to say so. Faults of one round do not touch each other."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import nats

from letterbox.monitoring.durations import seconds
from libs.events.catalogue import SubmissionStored
from libs.events.envelope import headers_for
from tests.alerts.certificate import exchange
from tests.alerts.world import World

Make = Callable[[World], AbstractAsyncContextManager[None]]
BROKEN = b"%PDF-1.7\nthis is no PDF at all"


@dataclass(frozen=True)
class Fault:
    """`make` breaks something; leaving it undoes what no command of the runbook can: the cause is outside."""

    what: str
    alert: str
    make: Make
    labels: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    outside: bool = False


def _does(*command: str) -> None:
    subprocess.run(command, check=True)


def _can(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _stopped(part: str) -> Make:
    @asynccontextmanager
    async def make(world: World) -> AsyncIterator[None]:
        await world.types(f"letterbox stop {part}")
        yield

    return make


@asynccontextmanager
async def _killed(world: World) -> AsyncIterator[None]:
    """notifier is killed, and whatever starts it again does not."""
    world.home.mark_stopped("notifier")
    os.kill(world.part("notifier").identity.pid, signal.SIGKILL)
    yield


@asynccontextmanager
async def _hangs(world: World) -> AsyncIterator[None]:
    world.part("indexer").identity.send(signal.SIGSTOP)
    yield


def _again(each: Callable[[World], Awaitable[object]], pause: float) -> Make:
    """Somebody who does something over and over, until it is stopped from outside."""

    @asynccontextmanager
    async def make(world: World) -> AsyncIterator[None]:
        async def on() -> None:
            while True:
                await each(world)
                await asyncio.sleep(pause)

        task = asyncio.create_task(on())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    return make


async def _flood(world: World) -> None:
    url, headers = f"{world.part('ingest').address}/contact", {"X-Forwarded-For": "203.0.113.7"}
    await asyncio.gather(*(world.asked("POST", url, json={}, headers=headers) for _ in range(5)))


async def _wrong_keys(world: World) -> None:
    headers = {"Authorization": "Bearer lbx_guessed"}
    await world.asked("POST", f"{world.gateway}/documents/search", json={"query": "a"}, headers=headers)


async def _poison_files(world: World) -> None:
    await world.send([(f"{number}.pdf", BROKEN) for number in range(4)])


@asynccontextmanager
async def _disk_full(world: World) -> AsyncIterator[None]:
    disk = world.home.folder("disk")
    _does("mount", "-t", "tmpfs", "-o", "size=32m", "tmpfs", str(disk))
    try:
        (disk / "ballast").write_bytes(b"\0" * (31 << 20))
        yield
    finally:
        _does("umount", "--lazy", str(disk))


@asynccontextmanager
async def _index_read_only(world: World) -> AsyncIterator[None]:
    index = str(world.home.path / "index")
    _does("mount", "--bind", index, index)
    try:
        while not _can("mount", "-o", "remount,ro,bind", index):  # busy while a file is being written
            await asyncio.sleep(0.2)
        yield
    finally:
        _does("umount", "--lazy", index)


@asynccontextmanager
async def _certificate_ends(world: World) -> AsyncIterator[None]:
    exchange(world.certificate, world.home.path.parent, days=5 / world.times)
    yield
    exchange(world.certificate, world.home.path.parent, days=90)


@asynccontextmanager
async def _backup_old(world: World) -> AsyncIterator[None]:
    at = time.time() - seconds("30h") / world.times
    world.home.write("metrics/letterbox_backup.prom", f"letterbox_backup_last_success_timestamp_seconds {at}\n")
    yield


@asynccontextmanager
async def _mail_refused(world: World) -> AsyncIterator[None]:
    (world.home.path / "mail" / "refuse").touch()
    yield


@asynccontextmanager
async def _dead_letter(world: World) -> AsyncIterator[None]:
    """A message that is no event at all."""
    nc = await nats.connect(
        world.part("nats").address, user="operator", password=world.secret("nats-operator"),
        inbox_prefix=b"_INBOX_operator",
    )  # fmt: skip
    event = SubmissionStored(submission_id="a" * 32, attachments=0)
    await nc.jetstream().publish(
        f"redrive.notifier-mail.{event.subject}", b"{}", headers=headers_for(event, "forged", "test")
    )
    await nc.close()
    yield


@asynccontextmanager
async def _database_slow(world: World) -> AsyncIterator[None]:
    """Somebody locks the table of all submissions, and goes for lunch."""
    port = world.part("postgres").address.rpartition(":")[2].partition("/")[0]
    person = await asyncpg.connect(
        host="127.0.0.1", port=int(port), user="postgres", password=world.secret("postgres-postgres"),
        database="letterbox",
    )  # fmt: skip
    await person.execute("begin")
    await person.execute("lock table contact_submissions in access exclusive mode")
    try:
        yield
    finally:
        person.terminate()


ROUNDS: tuple[tuple[Fault, ...], ...] = (
    (
        Fault("a service is killed and stays down", "ServiceDown", _killed, {"job": "notifier"}),
        Fault("indexer hangs", "SyntheticFailing", _hangs),
        Fault("a disk is full", "DiskFull", _disk_full),
        Fault("a certificate is about to end", "CertificateEnding", _certificate_ends, outside=True),
        Fault("keys are tried", "OwnersDoorTried", _again(_wrong_keys, 0.4), outside=True),
        Fault("a table is locked", "DatabaseSlow", _database_slow),
    ),
    (
        Fault("the mail server is stopped", "MailServerAway", _stopped("mail")),
        Fault("the object store is stopped", "ObjectStoreDown", _stopped("object-store")),
        Fault(
            "an exporter is stopped",
            "TargetDown",
            _stopped("node-exporter"),
            {"job": "node"},
            {"PART": "node-exporter"},
        ),
        Fault("a message is no event", "DeadLetters", _dead_letter),
    ),
    (
        Fault("the index is read-only", "IndexAway", _index_read_only),
        Fault("mail is refused", "MailsRefused", _mail_refused, {"target": "owner"}),
        Fault("no backup for 30 hours", "BackupTooOld", _backup_old),
        Fault("the form is flooded", "FormFlooded", _again(_flood, 0.25), {"form": "contact"}, outside=True),
        Fault("files are broken", "ExtractionFailing", _again(_poison_files, 1.0), outside=True),
    ),
    (
        Fault("PostgreSQL is stopped", "PostgresDown", _stopped("postgres")),
        Fault("the gateway is stopped", "FormPageFailing", _stopped("caddy")),
    ),
    (Fault("NATS is stopped", "NatsDown", _stopped("nats")),),
)
FAULTS = tuple(fault for group in ROUNDS for fault in group)
