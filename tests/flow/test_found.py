"""Files inside files are documents: found by search, downloaded, verified, replayed and erased like what was sent."""

from collections.abc import AsyncIterator
from secrets import token_hex
from typing import Any

import pytest

from tests.flow.test_erasure import NOTHING, copies, on_disk
from tests.flow.test_replay import everything
from tests.flow.test_verify import NO_GRACE, clean, record
from tests.support import files
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Answer, Visitor, eventually, visiting

NUMBERS = ["0", "1", "1-1", "1-2", "1-2-1"]


@pytest.fixture(scope="module")
async def keeper() -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


def parcel(word: str) -> bytes:
    """A ZIP with a PDF and a mail; the mail has a text attached that holds `word`."""
    mail = files.eml("The mail itself.", f"The innermost word is {word}.")
    return files.archive(("papers/plan.pdf", files.pdf("A plan of the harbour")), ("letter.eml", mail))


async def done(visitor: Visitor, content: bytes) -> str:
    """A submission with one file that has come to its end, in the record too."""
    submission = (await visitor.send(files=[("parcel.zip", content)])).id
    assert (await visitor.ended(submission))["status"] == "done"
    await clean(visitor)
    return submission


async def rows(visitor: Visitor, submission: str) -> list[str]:
    async with record(visitor) as sql:
        found = await sql.fetch("select number from documents where submission_id = $1 order by 1", submission)
    return [row["number"] for row in found]


async def owner(visitor: Visitor, path: str, **headers: str) -> Answer:
    headers["Authorization"] = f"Bearer {visitor.stack.owner_key}"
    return await visitor.ask("GET", path, headers=headers)


async def test_the_innermost_text_is_found_by_search_and_its_file_is_downloaded(keeper: Visitor) -> None:
    word = f"w{token_hex(6)}"
    submission = await done(keeper, parcel(word))
    assert await rows(keeper, submission) == NUMBERS
    journey = await keeper.journey(submission)
    ends = {event["document_id"] for event in journey["events"] if event["type"] == "document.indexed"}
    assert ends == {f"{submission}-{number}" for number in NUMBERS}

    steps = (await keeper.ask("GET", f"/contact/{submission}", headers={"Accept": "text/html"})).text
    assert "A file was found inside another. <small>(file 1-2-1)</small>" in steps
    innermost = f"{submission}-1-2-1"
    hits = {hit["document_id"]: hit for hit in await keeper.found(word)}
    assert hits[innermost]["filename"] == "bell.txt"
    got = await owner(keeper, f"/documents/{innermost}/content")
    assert (got.status, got.text) == (200, f"The innermost word is {word}.")
    assert 'filename="bell.txt"' in got.headers["Content-Disposition"]
    plan = f"{submission}-1-1"
    assert {hit["document_id"] for hit in await keeper.found("plan of the harbour", contact_id=submission)} == {plan}


async def test_a_document_says_where_it_was_found_and_a_container_what_is_inside(keeper: Visitor) -> None:
    submission = await done(keeper, parcel("buoy"))
    mail, parent = f"{submission}-1-2", f"{submission}-1"
    about = (await owner(keeper, f"/documents/{mail}")).body
    assert about["found_in"] == {"document_id": parent, "filename": "parcel.zip", "status": "indexed"}
    assert [(m["document_id"], m["filename"]) for m in about["members"]] == [(f"{mail}-1", "bell.txt")]
    sent = (await owner(keeper, f"/documents/{parent}")).body
    assert sent["found_in"] is None
    assert [member["filename"] for member in sent["members"]] == ["plan.pdf", "letter.eml"]
    page = (await owner(keeper, f"/search/documents/{mail}", Accept="text/html")).text
    assert f'Found in <a href="/search/documents/{parent}">parcel.zip</a>' in page
    assert f'<a href="/search/documents/{mail}-1">bell.txt</a>' in page


async def test_what_is_found_twice_is_there_once(keeper: Visitor) -> None:
    await done(keeper, parcel("twice"))
    before = await everything(keeper)
    for service in ("storage", "indexer"):
        for effects in ([], ["--effects"]):
            replayed = await letterbox(keeper.stack, "replay", service, "--json", *effects)
            assert replayed.status == 0, replayed.err
    assert await everything(keeper) == before
    await clean(keeper)


async def test_reading_again_and_a_reindex_find_the_same_documents(keeper: Visitor) -> None:
    submission = await done(keeper, parcel("again"))
    before = (await rows(keeper, submission), await kept(keeper, submission))
    again = await letterbox(keeper.stack, "reindex", "--extract", "--json")
    assert again.status == 0, again.err + again.out
    assert again.json["extracted"]["changes"] == {}
    assert (await rows(keeper, submission), await kept(keeper, submission)) == before
    assert len(await keeper.found("", contact_id=submission)) == len(NUMBERS)
    said = await clean(keeper)
    assert said["dead_letters"] == 0
    async with record(keeper) as sql:
        generations = await sql.fetch(
            "select generation from document_states where submission_id = $1 and document_id <> $2",
            submission,
            f"{submission}-0",
        )
    assert {row["generation"] for row in generations} == {2}


async def kept(visitor: Visitor, submission: str) -> list[tuple[str, int]]:
    return [(key, size) async for key, _, size in visitor.objects.keys(f"found/{submission}/")]


LOSSES = {
    "object": ("object", ""),
    "row": ("", "delete from documents where submission_id = $1 and number = '1-2'"),
    "object and row": ("object", "delete from documents where submission_id = $1 and number = '1-2'"),
    "submission": ("", "delete from contact_submissions where id = $1"),
    "journey": ("", "delete from journey where submission_id = $1"),
}


@pytest.mark.parametrize("what", LOSSES)
async def test_a_found_document_that_was_lost_is_missed_and_found_again(keeper: Visitor, what: str) -> None:
    submission = await done(keeper, parcel("lost"))
    kind, sql = LOSSES[what]
    key = f"found/{submission}/1-2"
    content = await keeper.objects.read(key, 1 << 20)
    if kind:
        await keeper.objects.delete([key])
    if sql:
        async with record(keeper) as connection:
            assert not (await connection.execute(sql, submission)).endswith(" 0")

    async def repaired() -> dict[str, Any] | None:
        verified = await letterbox(keeper.stack, *NO_GRACE, "--repair")
        return verified.json if verified.status == 0 else None

    first = await letterbox(keeper.stack, *NO_GRACE)
    assert first.status == 4
    assert {finding["submission_id"] for finding in first.json["findings"]} == {submission}
    assert any("1-2" in finding["what"] or what == "journey" for finding in first.json["findings"])
    await eventually(repaired)
    assert await keeper.objects.read(key, 1 << 20) == content
    assert await rows(keeper, submission) == NUMBERS
    about = (await owner(keeper, f"/documents/{submission}-1-2")).body
    assert about["filename"] == "letter.eml"


async def test_an_erasure_reaches_what_was_found(keeper: Visitor) -> None:
    word = f"w{token_hex(12)}"
    content = files.archive((f"{word}.txt", word.encode()), ("inner.zip", files.archive((f"{word}.md", b"# Yes"))))
    submission = await done(keeper, content)
    assert await rows(keeper, submission) == ["0", "1", "1-1", "1-2", "1-2-1"]
    key = f"found/{submission}/1-2-1".encode()
    assert on_disk(keeper.stack.home.path / "nats", key)
    assert on_disk(keeper.stack.home.path / "nats", word.encode()) == []  # no event holds a name of what was found
    erased = await letterbox(keeper.stack, "erase", "--submission", submission, "--json")
    assert erased.status == 0, erased.err
    removed = erased.json["receipts"][0]["removed"]
    assert removed["indexer"] == {"index entries": 5, "texts": 5, "found files": 3, "previews": 0}
    assert await copies(keeper, submission) == NOTHING
    assert on_disk(keeper.stack.home.path / "nats", key) == []
    assert (await keeper.journey(submission))["status"] == "erased"
    await clean(keeper)


async def test_erasing_while_archives_are_read_resurrects_nothing(keeper: Visitor) -> None:
    submissions = [(await keeper.send(files=[("parcel.zip", parcel("gone"))])).id for _ in range(4)]

    async def found() -> bool:
        return bool([key for one in submissions for key in await kept(keeper, one)])

    await eventually(found)
    for one in submissions:
        erased = await letterbox(keeper.stack, "erase", "--submission", one, "--json")
        assert erased.status == 0, erased.err
    for one in submissions:
        assert await copies(keeper, one) == NOTHING
    await clean(keeper)


async def test_files_that_lie_too_deep_are_named_and_not_opened(keeper: Visitor) -> None:
    content = files.archive(("treasure.txt", b"nobody reads this"))
    for level in (4, 3, 2, 1):
        content = files.archive((f"level-{level}.zip", content))
    submission = await done(keeper, content)
    assert await rows(keeper, submission) == ["0", "1", "1-1", "1-1-1", "1-1-1-1"]
    deepest = (await owner(keeper, f"/documents/{submission}-1-1-1-1")).body
    assert deepest["note"] == "1 file inside it left out: too deep inside other files."
    assert deepest["members"] == []
    assert deepest["status"] == "indexed"
    assert [hit["document_id"] for hit in await keeper.found('"level-4.zip"')] == [deepest["document_id"]]
    steps = (await keeper.journey(submission))["events"]
    assert [step["document_id"] for step in steps if step.get("reason") == deepest["note"]] == [deepest["document_id"]]
    page = await owner(keeper, f"/search/documents/{deepest['document_id']}", Accept="text/html")
    assert deepest["note"] in page.text


async def test_files_that_an_archive_keeps_locked_are_named(keeper: Visitor) -> None:
    content = bytearray(files.archive(("open.txt", b"The stair is open."), ("locked.txt", b"The cellar is not.")))
    second = content.index(b"PK\x03\x04", 4)
    content[second + 6] |= 1
    content[content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4) + 8] |= 1
    submission = await done(keeper, bytes(content))
    assert await rows(keeper, submission) == ["0", "1", "1-1"]
    told = (await owner(keeper, f"/documents/{submission}-1")).body
    assert told["note"] == "1 file inside it left out: too many, too large or locked."
    assert told["about"]["left_out"] == ["locked.txt"]
    page = await owner(keeper, f"/search/documents/{submission}-1", Accept="text/html")
    assert "locked.txt" in page.text


async def test_a_file_inside_that_cannot_be_read_makes_the_journey_end_as_partly_failed(keeper: Visitor) -> None:
    content = files.archive(("good.txt", b"readable"), ("broken.pdf", b"%PDF-1.7 nothing"))
    submission = (await keeper.send(files=[("mixed.zip", content)])).id
    assert (await keeper.ended(submission))["status"] == "partly failed"
    await clean(keeper)
    failed = await keeper.found("broken", contact_id=submission, status="failed")
    assert [(hit["document_id"], hit["filename"]) for hit in failed] == [(f"{submission}-1-2", "broken.pdf")]


async def test_the_janitor_removes_a_found_file_that_nobody_claims_and_no_other(keeper: Visitor) -> None:
    submission = await done(keeper, parcel("swept"))
    stray, unrecorded = f"found/{submission}/1-9", f"found/{submission}/1-1"
    claimed = [key async for key, _, _ in keeper.objects.keys("found/")]
    await keeper.objects.put(stray, b"nobody's", "text/plain", "stray.txt")
    async with record(keeper) as sql:  # the stream alone still claims it
        await sql.execute("delete from documents where object_key = $1", unrecorded)
    before = keeper.stack.environment.get("storage", {})
    often = {"LETTERBOX_JANITOR_AGE_SECONDS": "0", "LETTERBOX_JANITOR_EVERY_SECONDS": "1"}
    keeper.stack.environment["storage"] = {**before, **often}
    await keeper.stack.stop("storage")
    await keeper.stack.start("storage")

    async def swept() -> bool:
        return stray not in [key async for key, _, _ in keeper.objects.keys("found/")]

    await eventually(swept)
    assert [key async for key, _, _ in keeper.objects.keys("found/")] == claimed
