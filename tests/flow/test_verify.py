"""`letterbox verify`: says that nothing is lost when nothing is, finds what was planted, and repairs what can be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import asyncpg
import nats
import pytest

from libs.events.streams import STREAM
from tests.support import files
from tests.support.command import letterbox
from tests.support.search_servers import postgres_as
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

NO_GRACE = ("verify", "--grace", "0", "--json")


@pytest.fixture(scope="module")
async def keeper() -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own, whose storage looks after its ledger every second."""
    often = {"LETTERBOX_LEDGER_EVERY_SECONDS": "1", "LETTERBOX_LEDGER_GRACE_SECONDS": "1"}
    async with isolated_stack(environment={"ingest": RATES_OFF, "storage": often}) as stack, visiting(stack) as visitor:
        yield visitor


@asynccontextmanager
async def record(visitor: Visitor) -> AsyncIterator[Any]:
    settings = postgres_as(visitor.stack, "storage", visitor.stack.ports["postgres"])
    connection = await asyncpg.connect(settings.postgres_dsn, password=settings.postgres_password.get_secret_value())
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def stream(visitor: Visitor) -> AsyncIterator[Any]:
    password = visitor.stack.secret("nats-operator")
    nc = await nats.connect(
        visitor.stack.address("nats"), user="operator", password=password, inbox_prefix=b"_INBOX_operator"
    )
    try:
        yield nc.jetstream()
    finally:
        await nc.close()


async def done(visitor: Visitor) -> str:
    """A submission with a readable and a broken file that has come to its end."""
    sent = [("note.pdf", files.pdf("A ledger of the lighthouse")), ("broken.pdf", b"%PDF-1.7 nothing")]
    submission = (await visitor.send(files=sent)).id
    assert (await visitor.ended(submission))["status"] == "partly failed"

    async def recorded() -> bool:
        async with record(visitor) as sql:
            return bool(
                await sql.fetchval(
                    "select count(*) = 2 from document_states where submission_id = $1 and status = 'indexed'",
                    submission,
                )
            )

    await eventually(recorded)
    return submission


async def clean(visitor: Visitor) -> dict[str, Any]:
    """What verify says once nothing is wrong any more."""

    async def look() -> dict[str, Any] | None:
        verified = await letterbox(visitor.stack, *NO_GRACE)
        return verified.json if verified.status == 0 else None

    return await eventually(look)


async def metric(visitor: Visitor, name: str) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"{visitor.stack.address('storage')}/metrics") as answer:
        text = await answer.text()
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(f"{name} "))


async def test_when_nothing_is_lost_verify_says_so(keeper: Visitor) -> None:
    submissions = [await done(keeper) for _ in range(2)]
    await keeper.send({"website": "held.example"})
    said = await clean(keeper)
    assert said["submissions"] >= len(submissions) + 1
    assert (said["open"], said["counts"], said["findings"], said["dead_letters"]) == (0, {}, [], 0)
    assert (await letterbox(keeper.stack, "verify", "--until", "2020-01-01", "--json")).json["submissions"] == 0


PLANTED = {
    "row": ("delete from contact_submissions where id = $1", "missing postgres"),
    "documents": ("delete from documents where submission_id = $1 and number = '1'", "missing postgres"),
    "states": ("delete from document_states where submission_id = $1", "missing postgres"),
    "journey": ("delete from journey where submission_id = $1 and type = 'document.stored'", "missing postgres"),
    "whole journey": ("delete from journey where submission_id = $1", "missing postgres"),
    "ledger": ("delete from sent_mails where submission_id = $1", "missing mail ledger"),
}


@pytest.mark.parametrize("what", PLANTED)
async def test_a_row_deleted_by_hand_is_found_and_repaired(keeper: Visitor, what: str) -> None:
    submission = await done(keeper)
    await clean(keeper)
    sql, counted = PLANTED[what]
    async with record(keeper) as connection:
        assert not (await connection.execute(sql, submission)).endswith(" 0")
    mails = len(keeper.mails(submission))
    found = await letterbox(keeper.stack, *NO_GRACE, "--repair")
    assert found.status == 4
    assert counted in found.json["counts"]
    assert {finding["submission_id"] for finding in found.json["findings"]} == {submission}
    assert found.json["repaired"] > 0
    await clean(keeper)
    assert len(keeper.mails(submission)) == mails
    assert len(await keeper.found("", contact_id=submission)) == 3


@pytest.mark.parametrize("kind", ["original", "text", "message text"])
async def test_an_object_removed_by_hand_is_found(keeper: Visitor, kind: str) -> None:
    submission = await done(keeper)
    await clean(keeper)
    prefix = {"original": "originals/", "text": "text/", "message text": "text/"}[kind] + submission
    number = "0." if kind == "message text" else "1"
    keys = [key async for key, _, _ in keeper.objects.keys(prefix) if key.split("/")[-1].startswith(number)]
    content = await keeper.objects.read(keys[0], 1 << 20)
    await keeper.objects.delete(keys)
    found = await letterbox(keeper.stack, *NO_GRACE, "--repair")
    assert found.status == 4
    assert found.json["counts"] == {"missing objects": 1}
    if kind == "original":  # nobody can make it again
        assert found.json["repaired"] == 0
        await keeper.objects.put(keys[0], content, "application/pdf")
    await clean(keeper)
    assert [key async for key, _, _ in keeper.objects.keys(keys[0])] == keys


@pytest.mark.parametrize("which", ["last", "first of the stream"])
async def test_a_purged_event_is_found(keeper: Visitor, which: str) -> None:
    submission = await done(keeper)
    await clean(keeper)
    async with stream(keeper) as js:
        if which == "last":
            message = await js.get_last_msg(STREAM, f"submission.created.{submission}")
        else:
            message = await js.get_msg(STREAM, (await js.stream_info(STREAM)).state.first_seq)
            submission = message.subject.removeprefix("submission.created.")
            assert submission != message.subject
        await js.delete_msg(STREAM, message.seq)
    found = await letterbox(keeper.stack, *NO_GRACE)
    assert found.status == 4
    assert found.json["counts"] == {"missing stream": 1}
    assert "submission.created" in found.json["findings"][0]["what"]

    async def seen() -> bool:
        return await metric(keeper, "letterbox_ledger_open") == 0

    await eventually(seen)
    assert (await letterbox(keeper.stack, "erase", "--submission", submission)).status == 0
    await clean(keeper)


async def test_storage_sees_what_waits_and_what_is_missing(keeper: Visitor) -> None:
    await keeper.stack.stop("indexer")
    submission = (await keeper.send()).id

    async def waiting() -> bool:
        return await metric(keeper, "letterbox_ledger_open") == 1

    await eventually(waiting)
    assert await metric(keeper, "letterbox_ledger_oldest_seconds") > 0
    stuck = await letterbox(keeper.stack, *NO_GRACE)
    assert stuck.json["counts"] == {"stuck stream": 1}
    async with record(keeper) as connection:
        await connection.execute("delete from contact_submissions where id = $1", submission)

    async def missing() -> bool:
        return await metric(keeper, "letterbox_ledger_missing") >= 1

    await eventually(missing)
    await letterbox(keeper.stack, *NO_GRACE, "--repair")
    await keeper.stack.start("indexer")
    await clean(keeper)

    async def calm() -> bool:
        return [await metric(keeper, f"letterbox_ledger_{name}") for name in ("open", "missing")] == [0, 0]

    await eventually(calm)
