"""A whole stack with a real clamd: what it finds is quarantined, and while it is away documents wait.

What docs/howto/antivirus.md tells to switch on.
"""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest

from letterbox.local.antivirus import NAME, SIGNATURES
from libs.index.protocol import IndexedDocument
from libs.index.tantivy import TantivyIndex
from tests.support import files
from tests.support.clamd import MARKER, SIGNATURE, answering, needs_clamd, write_signature
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Answer, Visitor, eventually, visiting

pytestmark = needs_clamd

REASON = f"The virus scanner found {SIGNATURE} in the file."


@pytest.fixture(scope="module")
def signatures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_signature(tmp_path_factory.mktemp("clamd") / "signatures")


@pytest.fixture(scope="module")
async def careful(signatures: Path) -> AsyncIterator[Visitor]:
    """A visitor of a stack that scans files."""
    environment = {"ingest": RATES_OFF, NAME: {SIGNATURES: str(signatures)}}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        yield visitor


async def owner(visitor: Visitor, path: str) -> Answer:
    return await visitor.ask("GET", path, headers={"Authorization": f"Bearer {visitor.stack.owner_key}"})


async def downloaded(visitor: Visitor, document: str, query: str = "") -> tuple[int, bytes]:
    """How a download is answered, and with what."""
    headers = {"Authorization": f"Bearer {visitor.stack.owner_key}"}
    async with visitor.http.get(f"{visitor.door}/documents/{document}/content{query}", headers=headers) as response:
        return response.status, await response.read()


async def recorded(visitor: Visitor, document: str, status: str) -> Answer:
    """The document as the owner sees it, once it has this status."""

    async def look() -> Answer | None:
        shown = await owner(visitor, f"/documents/{document}")
        return shown if shown.status == 200 and shown.body["status"] == status else None

    return await eventually(look)


async def metric(visitor: Visitor, service: str, name: str) -> float:
    async with aiohttp.ClientSession() as http, http.get(f"{visitor.stack.address(service)}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(f"{name} ")), 0.0)


async def verified(visitor: Visitor) -> None:
    """Nothing is lost, and there are no dead letters."""

    async def clean() -> bool:
        return (await letterbox(visitor.stack, "verify", "--grace", "0")).status == 0

    await eventually(clean)


async def test_an_infected_file_is_refused_and_not_found_and_the_clean_one_beside_it_is(careful: Visitor) -> None:
    infected = files.docx("The lighthouse keeper was here.", MARKER.decode())
    sent = [("infected.docx", infected), ("clean.pdf", files.pdf("The lighthouse shines."))]
    sid = (await careful.send({"message": "About the lighthouse"}, sent)).id
    journey = await careful.ended(sid)
    assert journey["status"] == "partly failed"
    assert [event["reason"] for event in journey["events"] if "reason" in event] == [REASON]
    shown = await recorded(careful, f"{sid}-1", "failed")
    assert (shown.body["scan"], shown.body["reason"]) == ("infected", REASON)
    assert (await recorded(careful, f"{sid}-2", "indexed")).body["scan"] == "clean"

    assert sorted(hit["filename"] for hit in await careful.found("", contact_id=sid)) == ["clean.pdf", "message"]
    assert await careful.found("infected", contact_id=sid) == []
    assert await careful.found("keeper", contact_id=sid) == []
    assert [key async for key, _, _ in careful.objects.keys(f"text/{sid}/1.")] == []

    assert (await downloaded(careful, f"{sid}-2"))[1] == sent[1][1]
    refused = await owner(careful, f"/documents/{sid}-1/content")
    assert (refused.status, refused.body["title"]) == (403, f"The file is in quarantine. {REASON}")
    assert (await downloaded(careful, f"{sid}-1", "?quarantined=yes")) == (200, infected)
    assert len(careful.mails(sid)) == 2
    await verified(careful)
    assert sorted(hit["filename"] for hit in await careful.found("", contact_id=sid)) == ["clean.pdf", "message"]


async def test_what_is_too_large_to_be_scanned_whole_is_read_and_says_so(careful: Visitor) -> None:
    deep = b"deep"
    for _ in range(30):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr("inner.zip", deep)
        deep = out.getvalue()
    document = io.BytesIO(files.odt("A very deep lighthouse"))
    with zipfile.ZipFile(document, "a") as archive:
        archive.writestr("Object/deep.zip", deep)
    sid = (await careful.send(files=[("deep.odt", document.getvalue())])).id
    assert (await careful.ended(sid))["status"] == "done"
    assert (await recorded(careful, f"{sid}-1", "indexed")).body["scan"] == "too large"
    assert [(hit["filename"], hit["scan"]) for hit in await careful.found("deep", contact_id=sid)] == [
        ("deep.odt", "too large")
    ]
    assert (await downloaded(careful, f"{sid}-1"))[0] == 200


async def test_while_the_scanner_is_away_documents_wait_and_go_on_when_it_is_back(careful: Visitor) -> None:
    await careful.stack.stop(NAME)
    sent = [("waits.pdf", files.pdf("Waiting")), ("infected.txt", MARKER)]
    sids = [(await careful.send({"message": "Patience"}, sent)).id for _ in range(3)]
    paused = 'consumer_paused{dependency="antivirus",durable="indexer-extract"}'

    async def waits() -> bool:
        return await metric(careful, "indexer", paused) == 1

    await eventually(waits)
    for sid in sids:
        refused = await owner(careful, f"/documents/{sid}-2/content")
        assert (refused.status, refused.headers["Retry-After"]) == (409, "5")
        assert (await careful.journey(sid))["status"] == "processing"
        assert {hit["filename"] for hit in await careful.found("", contact_id=sid)} <= {"message"}
    ready = await careful.ask("GET", "/health/ready", at=careful.stack.address("indexer"))
    assert (ready.status, "antivirus" in ready.text) == (503, True)
    assert (await letterbox(careful.stack, "dead-letters", "list", "--json")).json == []
    await careful.stack.start(NAME)
    for sid in sids:
        journey = await careful.ended(sid)
        assert [event["reason"] for event in journey["events"] if "reason" in event] == [REASON]
        await recorded(careful, f"{sid}-1", "indexed")
        await recorded(careful, f"{sid}-2", "failed")
    await verified(careful)


async def test_a_scanner_that_hangs_or_dies_at_work_makes_documents_wait_too(careful: Visitor) -> None:
    careful.stack.pause(NAME)
    sid = (await careful.send(files=[("large.txt", b"A lantern. " * 2_000_000)])).id

    async def handed_over() -> bool:
        return await metric(careful, "indexer", 'consumer_oldest_seconds{durable="indexer-extract"}') > 0

    await eventually(handed_over)
    await careful.stack.kill(NAME)
    assert (await careful.journey(sid))["status"] == "processing"
    await careful.stack.start(NAME)
    assert (await careful.ended(sid))["status"] == "done"
    assert (await recorded(careful, f"{sid}-1", "indexed")).body["scan"] == "clean"


async def test_a_document_that_the_scanner_never_answers_on_does_not_keep_the_others_waiting() -> None:
    async with answering(lambda content: b"" if b"deadly" in content else b"stream: OK\0") as address:
        scans = {"LETTERBOX_CLAMD_ADDRESS": address}
        environment = {"ingest": RATES_OFF, "indexer": scans, "search": scans}
        async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
            deadly = (await visitor.send(files=[("deadly.txt", b"A deadly lantern")])).id
            others = [(await visitor.send(files=[("fine.txt", b"A fine lantern")])).id for _ in range(3)]
            for sid in others:
                assert (await visitor.ended(sid))["status"] == "done"
            assert (await visitor.journey(deadly))["status"] == "processing"
            assert (await downloaded(visitor, f"{deadly}-1"))[0] == 409

            async def given_up() -> bool:
                return bool((await letterbox(stack, "dead-letters", "list", "--json")).json)

            await eventually(given_up)
            letters = (await letterbox(stack, "dead-letters", "list", "--json")).json
            assert ["CannotScan" in letter["reason"] for letter in letters] == [True]
            assert (await visitor.journey(deadly))["status"] == "processing"


async def test_what_a_new_signature_finds_leaves_the_index_when_it_is_read_again(
    careful: Visitor, signatures: Path
) -> None:
    sid = (await careful.send(files=[("later.txt", b"The foghorn is out of tune")])).id
    await recorded(careful, f"{sid}-1", "indexed")
    assert [hit["filename"] for hit in await careful.found("foghorn", contact_id=sid)] == ["later.txt"]
    write_signature(signatures, "Letterbox.Test.Foghorn", b"foghorn")
    await careful.stack.stop(NAME)
    await careful.stack.start(NAME)
    report = await letterbox(careful.stack, "reindex", "--extract", "--json")
    assert report.status == 0, report.err
    assert report.json["extracted"]["changes"][f"{sid}-1"] == ["cannot be read any more"]
    assert (await recorded(careful, f"{sid}-1", "failed")).body["scan"] == "infected"
    assert [hit["filename"] for hit in await careful.found("", contact_id=sid)] == ["message"]
    assert (await owner(careful, f"/documents/{sid}-1/content")).status == 403
    await verified(careful)


async def test_verify_finds_an_index_entry_of_an_infected_file_and_removes_it(careful: Visitor) -> None:
    sid = (await careful.send(files=[("infected.txt", MARKER)])).id
    await recorded(careful, f"{sid}-1", "failed")
    await verified(careful)
    await careful.stack.stop("indexer")
    index = TantivyIndex(careful.stack.home.path / "index", writer=True)
    fields = {"filename": "infected.txt", "title": "infected", "text": "found", "contact_name": "Ada", "language": ""}
    when = datetime.now(UTC)
    entry = IndexedDocument(
        f"{sid}-1", sid, document_type="document", tags=(), status="indexed", created_at=when, size=1, **fields
    )
    await index.write([entry])
    await index.close()
    await careful.stack.start("indexer")
    found = await letterbox(careful.stack, "verify", "--grace", "0", "--json", "--repair")
    assert (found.status, found.json["counts"]) == (4, {"orphaned index": 1})
    await verified(careful)
    assert [hit["filename"] for hit in await careful.found("", contact_id=sid)] == ["message"]
