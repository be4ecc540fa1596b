"""Erasure: every copy goes, in the middle of processing too, and nothing brings one back."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from secrets import token_hex

import asyncpg
import pytest

from tests.support import files
from tests.support.command import letterbox
from tests.support.search_servers import postgres_as
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, fresh_key, visiting


@pytest.fixture(scope="module")
async def person() -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own: the disk is looked at byte by byte."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


async def rows(visitor: Visitor, submission: str) -> int:
    """Rows of the record about a submission, whatever table they are in, but those of the erasure itself."""
    settings = postgres_as(visitor.stack, "storage", visitor.stack.ports["postgres"])
    connection = await asyncpg.connect(settings.postgres_dsn, password=settings.postgres_password.get_secret_value())
    try:
        return await connection.fetchval(
            "select (select count(*) from contact_submissions where id = $1)"
            " + (select count(*) from documents where submission_id = $1)"
            " + (select count(*) from document_states where submission_id = $1)"
            " + (select count(*) from sent_mails where submission_id = $1)"
            " + (select count(*) from journey where submission_id = $1 and type not like 'erasure.%'"
            "    and type <> 'submission.erased')",
            submission,
        )
    finally:
        await connection.close()


async def copies(visitor: Visitor, submission: str) -> dict[str, int]:
    """Copies that are left, by store."""
    keys = [key async for key, _, _ in visitor.objects.keys("") if submission in key]
    return {
        "rows": await rows(visitor, submission),
        "objects": len(keys),
        "index": len(await visitor.found("", contact_id=submission)),
    }


NOTHING = {"rows": 0, "objects": 0, "index": 0}


def on_disk(folder: Path, word: bytes) -> list[str]:
    """Files under `folder` that hold `word`."""
    return [str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and word in file.read_bytes()]


async def test_an_erased_submission_leaves_no_copy_and_a_receipt_says_so(person: Visitor) -> None:
    word, key = f"w{token_hex(12)}", fresh_key()
    sent = [("note.pdf", files.pdf(f"Something about {word}")), ("plain.txt", word.encode())]
    submission = (await person.send({"message": f"My secret is {word}."}, sent, key=key)).id
    other = (await person.send({"message": "I stay."})).id
    for one in (submission, other):
        assert (await person.ended(one))["status"] == "done"
    assert on_disk(person.stack.home.path / "nats", word.encode())

    done = await letterbox(person.stack, "erase", "--submission", submission, "--json")
    assert done.status == 0, done.err
    receipt = done.json["receipts"][0]
    assert receipt["final"]
    assert set(receipt["removed"]) == {"storage", "indexer", "notifier", "stream"}
    assert receipt["removed"]["storage"]["originals"] == 2
    assert receipt["removed"]["storage"]["events"] >= 8
    indexer = receipt["removed"]["indexer"]
    assert (indexer["index entries"], indexer["texts"], indexer["found files"]) == (3, 3, 0)
    assert receipt["removed"]["notifier"] == {"ledger rows": 2}
    assert receipt["mails that went out"] == ["owner", "sender"]

    assert await copies(person, submission) == NOTHING
    assert on_disk(person.stack.home.path / "nats", word.encode()) == []
    assert (await person.journey(submission))["status"] == "erased"
    assert (await person.send({"message": f"My secret is {word}."}, sent, key=key)).status == 410
    assert await person.staged(submission) == []
    assert (await copies(person, other))["index"] == 1
    again = await letterbox(person.stack, "erase", "--submission", submission, "--json")
    assert again.json["receipts"][0] == receipt


async def is_erased(person: Visitor, submission: str) -> bool:
    """Whether the tombstone stands."""
    return bool((await person.journey(submission))["status"] == "erased")


async def test_everything_of_an_address_goes_even_what_is_not_recorded_yet(person: Visitor) -> None:
    address = f"{token_hex(6)}@visitor.example"
    early = [(await person.send({"email": address})).id for _ in range(2)]
    for one in early:
        await person.ended(one)
    await person.stack.stop("storage")
    await person.stack.stop("notifier")  # or it could be told of the late one before that is erased
    late = (await person.send({"email": address.upper(), "message": "Not recorded yet."})).id
    erasing = asyncio.create_task(letterbox(person.stack, "erase", "--email", address, "--json"))
    await asyncio.sleep(12)  # longer than the command waits for storage: it scans the rest of the stream
    await person.stack.start("storage")
    await eventually(partial(is_erased, person, late))
    await person.stack.start("notifier")
    done = await erasing
    assert done.status == 0, done.err
    went_out = {receipt["submission"]: receipt["mails that went out"] for receipt in done.json["receipts"]}
    assert went_out == {**{one: ["owner", "sender"] for one in early}, late: []}
    for one in (*early, late):
        assert await copies(person, one) == NOTHING
    assert person.mails(late) == []


@pytest.mark.parametrize("away", ["indexer", "storage", "notifier", None])
async def test_erasing_in_the_middle_of_processing_resurrects_nothing(person: Visitor, away: str | None) -> None:
    if away:
        await person.stack.stop(away)
    sent = [("note.pdf", files.pdf("Half way through the house")), ("plain.txt", b"half way")]
    submissions = [(await person.send(files=sent)).id for _ in range(6)]
    erasing = [
        asyncio.create_task(letterbox(person.stack, "erase", "--submission", one, "--json")) for one in submissions[:4]
    ]
    if away:
        if away != "storage":
            await eventually(partial(is_erased, person, submissions[0]))
        await person.stack.start(away)
    done = await asyncio.gather(*erasing)
    assert [one.status for one in done] == [0] * 4, [one.err for one in done]
    for one in submissions[4:]:
        assert (await person.ended(one))["status"] == "done"
    for one in submissions[:4]:
        assert await copies(person, one) == NOTHING
        assert (await person.journey(one))["status"] == "erased"


async def test_erasing_what_is_not_there_says_so(person: Visitor) -> None:
    assert (await letterbox(person.stack, "erase", "--submission", "0" * 32)).status == 1
    assert (await letterbox(person.stack, "erase", "--submission", "nonsense")).status == 2
    assert (await letterbox(person.stack, "erase", "--email", "nobody@visitor.example")).status == 1
