"""More of each service, and a new version under load: visitors notice nothing, and nothing is lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from letterbox.local.names import SERVICES
from tests.compose import images
from tests.compose.project import Project, service_of
from tests.compose.visitor import Visitor
from tests.support.files import pdf
from tests.support.visitor import fresh_key, good

pytestmark = pytest.mark.timeout(900)

SCALED = ("--scale", "ingest=2", "--scale", "indexer=3")
SLOW_SECONDS = 8.0
NEXT = f"{images.VERSION}-next"
ASK = """
import asyncio, asyncpg, os, pathlib, sys
async def main():
    password = pathlib.Path(os.environ["LETTERBOX_POSTGRES_PASSWORD_FILE"]).read_text().strip()
    print(await (await asyncpg.connect(os.environ["LETTERBOX_POSTGRES_DSN"], password=password)).fetchval(sys.argv[1]))
asyncio.run(main())
"""
MIGRATION = "services/storage/migrations/999_next.sql"
CHANGED = """
alter table documents add column if not exists written_by text not null default 'the version before';
create index if not exists documents_written_by on documents (written_by);
"""
"""A column and an index that the version before, which goes on writing, knows nothing of."""


@pytest.fixture
def scaled(stack: Project) -> Iterator[Project]:
    """Two doors and three indexers, for as long as the test runs."""
    stack.up(*SCALED)
    yield stack
    stack.up()


async def test_two_doors_share_visitors_and_limits_and_another_indexer_takes_over(
    scaled: Project, visitor: Visitor
) -> None:
    sent = [await visitor.send(f"Number {number}.") for number in range(20)]
    answered = [
        _accepted(scaled, container["Id"]) for container in scaled.containers() if service_of(container) == "ingest"
    ]
    assert len(answered) == 2
    assert all(answered), "both doors were used"
    assert '"instances": 2' in scaled.log("ingest", 500), "each knows of the other, and allows its half"
    assert scaled.log("indexer", 500).count('"standing by"') >= 2
    writers = [
        one["Id"] for one in scaled.containers() if service_of(one) == "indexer" and not _stands_by(scaled, one["Id"])
    ]
    assert len(writers) == 1
    scaled.docker("stop", "--time", "20", writers[0])
    sent.append(await visitor.send("To the next indexer.", [("next.pdf", pdf("An albatross takes over."))]))
    assert {(await visitor.ended(one))["status"] for one in sent} == {"done"}
    assert sent[-1] in {hit["contact_id"] for hit in await visitor.found("albatros")}


async def test_a_new_version_under_load_fails_no_request_and_loses_no_event(stack: Project, visitor: Visitor) -> None:
    """The new version changes the schema; the version before writes into it until it is replaced."""
    for service in images.IMAGES:
        images.derive(service, NEXT, {MIGRATION: CHANGED} if service in ("operator", "storage") else {})
    before = {service_of(one): one["Image"] for one in stack.containers()}
    load = Load(visitor)
    running = asyncio.create_task(load.run())
    await load.going()
    key = fresh_key()
    long = asyncio.create_task(load.long_upload(key))
    await load.arriving.wait()
    stack.version = NEXT
    try:
        await asyncio.to_thread(stack.up)
        await asyncio.sleep(3)
    finally:
        load.enough.set()
        await running
    after = {service_of(one): one["Image"] for one in stack.containers()}
    assert all(before[name] != after[name] for name in SERVICES)
    assert {name for name in ("nats", "postgres", "object-store", "caddy") if before[name] != after[name]} == set()
    why = [line for line in stack.log("caddy", 5000).splitlines() if '"status":502' in line]
    assert load.failed == [], "\n".join(why)
    assert len(load.accepted) > 20
    assert load.slow > 1
    ended = [await visitor.ended(one) for one in load.accepted]
    failed = [step for journey in ended for step in journey["events"] if step["type"].endswith(".failed")]
    assert not failed, failed
    assert {journey["status"] for journey in ended} == {"done"}
    assert _asked(stack, "select count(*) from documents where written_by <> ''") > len(load.accepted)
    assert _asked(stack, "select count(*) from schema_migrations where name = '999_next'") == 1
    assert await long, "an upload that takes longer than the drain is told to try again"
    again = await visitor.send("Slower than the drain.", [("long.pdf", pdf("A long upload."))], key=key)
    assert (await visitor.ended(again))["status"] == "done"


@dataclass
class Load:
    """Visitors who keep writing, some of them slowly, until it is enough."""

    visitor: Visitor
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    slow: int = 0
    arriving: asyncio.Event = field(default_factory=asyncio.Event)
    """The long upload has begun."""

    async def run(self) -> None:
        """Two who write again and again, and one who uploads slowly."""
        await asyncio.gather(self._writes(), self._writes(), self._uploads())

    async def going(self) -> None:
        """Wait until the first is accepted."""
        until = time.monotonic() + 60
        while len(self.accepted) < 3:
            assert time.monotonic() < until, self.failed
            await asyncio.sleep(0.1)

    async def _writes(self) -> None:
        while not self.enough.is_set():
            await self._post(json=good({"message": "Under load."}))
            await asyncio.sleep(0.2)

    async def _uploads(self) -> None:
        while not self.enough.is_set():
            if await self._post(data=_slow_form()):
                self.slow += 1

    async def long_upload(self, key: str) -> bool:
        """Upload until the service that takes it is replaced; whether the answer was to try again later."""

        async def slowly() -> AsyncIterator[bytes]:
            yield pdf("A long upload.")
            self.arriving.set()
            while not self.enough.is_set():
                yield bytes(2048)  # slower would be too slow for ingest
                await asyncio.sleep(0.5)

        form = aiohttp.FormData(good({"message": "Slower than the drain."}), default_to_multipart=True)
        form.add_field("files", slowly(), filename="long.pdf", content_type="application/pdf")
        url, headers = f"{self.visitor.stack.door}/contact", {"Idempotency-Key": key}
        try:
            async with self.visitor.http.post(url, data=form, headers=headers) as answer:
                return answer.status in (502, 503) and "Retry-After" in answer.headers
        except aiohttp.ClientError:
            return True  # hung up on before the answer could be read: to be tried again as well

    async def _post(self, **body: object) -> bool:
        headers = {"Idempotency-Key": fresh_key()}
        url = f"{self.visitor.stack.door}/contact"
        try:
            async with self.visitor.http.post(url, headers=headers, **body) as answer:  # type: ignore[arg-type]
                if answer.status != 202:
                    self.failed.append(f"{answer.status} {await answer.text()}")
                    return False
                self.accepted.append((await answer.json())["id"])
                return True
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed.append(repr(error))
            return False


def _slow_form() -> aiohttp.FormData:
    content = pdf("A slow upload.")

    async def slowly() -> AsyncIterator[bytes]:
        for begin in range(0, len(content), len(content) // 8):
            yield content[begin : begin + len(content) // 8]
            await asyncio.sleep(SLOW_SECONDS / 8)

    form = aiohttp.FormData(good({"message": "Slowly."}), default_to_multipart=True)
    form.add_field("files", slowly(), filename="slow.pdf", content_type="application/pdf")
    return form


def _accepted(stack: Project, container: str) -> float:
    """How many submissions one door took."""
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9000/metrics').read().decode())"
    text = stack.docker("exec", container, "/app/bin/python", "-I", "-c", ask)
    counts = [
        line.rpartition(" ")[2]
        for line in text.splitlines()
        if line.startswith("http_requests_total{") and '"202"' in line
    ]
    return sum(map(float, counts))


def _asked(stack: Project, query: str) -> int:
    """A number out of the database, as storage asks it."""
    return int(stack.compose("exec", "-T", "storage", "/app/bin/python", "-c", ASK, query))


def _stands_by(stack: Project, container: str) -> bool:
    said = stack.docker("logs", container)
    return '"standing by"' in said and '"started"' not in said
