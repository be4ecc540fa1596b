"""Pictures of pages: made after a document is read, shown to the owner, erased with it, made again when lost."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import nats
import pytest
from PIL import Image

from libs.events.catalogue import DocumentFailed, Event
from libs.events.connect import Nats
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.publish import Publisher
from libs.events.streams import INDEXER_PREVIEW
from tests.flow.test_verify import NO_GRACE, clean, record
from tests.support import files
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

PAGES = 3
"""Of which there are pictures, in this stack."""


def photo() -> bytes:
    """A picture without words."""
    out = io.BytesIO()
    Image.linear_gradient("L").resize((800, 500)).save(out, "JPEG")
    return out.getvalue()


SENT = [
    ("quote.pdf", files.pdf("The quotation", "second", "third", "fourth")),
    ("garden.jpg", photo()),
    ("note.txt", b"A plain note."),
    ("locked.pdf", files.pdf(password="secret")),
]


@pytest.fixture(scope="module")
async def keeper() -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own."""
    environment = {"ingest": RATES_OFF, "indexer": {"LETTERBOX_PREVIEW_PAGES": str(PAGES)}}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        yield visitor


async def done(keeper: Visitor) -> str:
    """A submission of which everything is made that can be."""
    submission = (await keeper.send(files=SENT)).id
    await keeper.ended(submission)
    await clean(keeper)
    return submission


async def pictures(keeper: Visitor, submission: str) -> dict[str, bytes]:
    """The pictures that are kept, by the rest of their keys."""
    prefix = f"preview/{submission}/"
    keys = [key async for key, _, _ in keeper.objects.keys(prefix)]
    return {key.removeprefix(prefix): await keeper.objects.read(key, 1 << 20) for key in keys}


async def fetched(keeper: Visitor, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """What the owner gets."""
    owner = {"Authorization": f"Bearer {keeper.stack.owner_key}", **headers}
    async with keeper.http.get(keeper.door + path, headers=owner) as answer:
        return answer.status, dict(answer.headers), await answer.read()


async def test_what_is_found_comes_with_a_picture_where_there_can_be_one(keeper: Visitor) -> None:
    submission = await done(keeper)
    hits = {hit["filename"]: hit for hit in await keeper.found("", contact_id=submission)}
    assert {name: hit.get("thumbnail") for name, hit in hits.items()} == {
        "quote.pdf": f"/documents/{submission}-1/thumbnail",
        "garden.jpg": f"/documents/{submission}-2/thumbnail",
        "note.txt": None,
        "locked.pdf": None,
        "message": None,
    }
    assert hits["garden.jpg"]["status"] == "failed"  # it has no words, and is shown all the same
    status, headers, content = await fetched(keeper, hits["quote.pdf"]["thumbnail"])
    assert (status, headers["Content-Type"]) == (200, "image/webp")
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, max(picture.size)) == ("WEBP", 320)
    assert set(await pictures(keeper, submission)) == {
        *("1/thumbnail.webp", "1/1.webp", "1/2.webp", "1/3.webp"),
        *("2/thumbnail.webp", "2/1.webp"),
    }
    _, _, page = await fetched(keeper, f"/documents/{submission}-1/pages/{PAGES}")
    assert max(Image.open(io.BytesIO(page)).size) == 1400
    for path in (f"{submission}-1/pages/{PAGES + 1}", f"{submission}-3/thumbnail", f"{submission}-0/pages/1"):
        assert (await fetched(keeper, f"/documents/{path}"))[0] == 404


async def test_drawing_again_keeps_the_same_pictures(keeper: Visitor) -> None:
    submission = await done(keeper)
    before = await pictures(keeper, submission)
    for effects in ([], ["--effects"]):
        replayed = await letterbox(keeper.stack, "replay", "indexer-preview", "--json", *effects)
        assert replayed.status == 0, replayed.err
        assert replayed.json["indexer-preview"] >= len(SENT)
        assert await pictures(keeper, submission) == before
    await clean(keeper)


@pytest.mark.parametrize("lost", ["1/thumbnail.webp", "1/2.webp", "2/1.webp"])
async def test_a_lost_picture_is_found_and_made_again(keeper: Visitor, lost: str) -> None:
    submission = await done(keeper)
    before = await pictures(keeper, submission)
    await keeper.objects.delete([f"preview/{submission}/{lost}"])
    found = await letterbox(keeper.stack, *NO_GRACE, "--repair")
    assert found.json["counts"] == {"missing objects": 1}
    assert found.json["findings"][0]["what"] == f"preview {lost[0]}"
    assert found.json["repaired"] == 1
    await clean(keeper)
    assert await pictures(keeper, submission) == before


async def test_an_erased_submission_has_no_pictures(keeper: Visitor) -> None:
    submission = await done(keeper)
    erased = await letterbox(keeper.stack, "erase", "--submission", submission, "--json")
    assert erased.json["receipts"][0]["removed"]["indexer"]["previews"] == 6
    assert await pictures(keeper, submission) == {}
    assert (await fetched(keeper, f"/documents/{submission}-1/thumbnail"))[0] == 404
    await clean(keeper)


@asynccontextmanager
async def nats_as(keeper: Visitor, user: str) -> AsyncIterator[Nats]:
    nc = await nats.connect(
        keeper.stack.address("nats"), user=user, password=keeper.stack.secret(f"nats-{user}"),
        inbox_prefix=f"_INBOX_{user}".encode(),
    )  # fmt: skip
    try:
        yield nc
    finally:
        await nc.close()


async def told(keeper: Visitor, event: Event) -> None:
    """Publish an event as indexer would, and wait until it is handled."""
    async with nats_as(keeper, "indexer") as nc:
        published = await Publisher(nc, "indexer").publish(event, cause="test")
    async with nats_as(keeper, "operator") as nc:

        async def handled() -> bool:
            return await passed(Journal(nc), [INDEXER_PREVIEW.name]) >= published.sequence

        await eventually(handled)


async def test_a_reading_that_also_failed_keeps_its_pictures_and_is_no_dead_letter(keeper: Visitor) -> None:
    submission = await done(keeper)
    before = await pictures(keeper, submission)
    for reason, number in (("too_slow", "1"), ("refused", "3")):
        await told(keeper, DocumentFailed(submission_id=submission, number=number, reason=reason, message="No."))
    await clean(keeper)
    assert await pictures(keeper, submission) == before


async def test_what_turns_out_to_be_infected_loses_its_pictures_for_good(keeper: Visitor) -> None:
    submission = await done(keeper)
    message = "The virus scanner found something."
    about = {"submission_id": submission, "number": "1", "reason": "infected", "message": message}
    await told(keeper, DocumentFailed(**about, scan="infected"))
    left = {"2/thumbnail.webp", "2/1.webp"}
    assert set(await pictures(keeper, submission)) == left
    replayed = await letterbox(keeper.stack, "replay", "indexer-preview", "--submission", submission, "--effects")
    assert replayed.status == 0, replayed.err
    assert set(await pictures(keeper, submission)) == left
    await clean(keeper)
    shown = {hit["filename"] for hit in await keeper.found("", contact_id=submission) if "thumbnail" in hit}
    assert shown == {"garden.jpg"}
    assert (await fetched(keeper, f"/documents/{submission}-1/pages/1"))[0] == 404


async def test_a_document_that_a_later_reading_refuses_loses_its_pictures(keeper: Visitor) -> None:
    submission = await done(keeper)
    refused = DocumentFailed(submission_id=submission, number="1", generation=2, reason="refused", message="No.")
    await told(keeper, refused)

    async def gone() -> Any:
        hit = next(h for h in await keeper.found("", contact_id=submission) if h["filename"] == "quote.pdf")
        return "thumbnail" not in hit and not {p for p in await pictures(keeper, submission) if p.startswith("1/")}

    await eventually(gone)
    assert set(await pictures(keeper, submission)) == {"2/thumbnail.webp", "2/1.webp"}
    first = await letterbox(
        keeper.stack, "replay", "indexer-preview", "--subject", f"document.extracted.{submission}.1.1", "--effects"
    )
    assert first.status == 0, first.err
    assert set(await pictures(keeper, submission)) == {"2/thumbnail.webp", "2/1.webp"}


async def test_a_record_that_lost_the_pictures_gets_them_back(keeper: Visitor) -> None:
    submission = await done(keeper)
    async with record(keeper) as sql:
        await sql.execute("delete from document_states where submission_id = $1", submission)
    found = await letterbox(keeper.stack, *NO_GRACE, "--repair")
    assert "missing postgres" in found.json["counts"]
    await clean(keeper)
    shown = {hit["filename"] for hit in await keeper.found("", contact_id=submission) if "thumbnail" in hit}
    assert shown == {"quote.pdf", "garden.jpg"}
