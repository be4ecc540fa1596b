"""What the owner's door says of a scan, and what it gives away of what is infected or not scanned yet."""

from collections.abc import AsyncIterator
from itertools import permutations
from pathlib import Path

import pytest
import pytest_asyncio

from libs.events.catalogue import DocumentEvent, DocumentExtracted, DocumentFailed, DocumentStored, ScanOutcome
from libs.events.delivery import Received
from services.storage import journey
from tests.flow.test_search_pages import log_in, page, words_of
from tests.support.search_door import WHEN, Door, File, Heard, opened
from tests.support.search_servers import Servers

pytest_plugins = ["tests.support.search_fixtures"]

REASON = "The virus scanner found Test.Marker in the file."
INFECTED = File("infected.pdf", failed=REASON, scan="infected")
CLEAN = File("clean.pdf", text="A clean sheet", scan="clean")
HUGE = File("huge.pdf", text="A huge sheet", scan="too large")
BEFORE = File("before.pdf", text="From before there was a scanner")
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@pytest_asyncio.fixture(loop_scope="session")
async def scanned(search_servers: Servers, tmp_path: Path) -> AsyncIterator[Door]:
    """A door that knows that files are scanned."""
    async with opened(search_servers, tmp_path, clamd_address="127.0.0.1:9") as door:
        yield door


async def unread(door: Door) -> str:
    """A submission whose file has not been read."""
    sid = await door.submit(BEFORE)
    await door.servers.pool.execute("delete from document_states where document_id = $1", f"{sid}-1")
    return sid


async def test_a_document_tells_what_the_scanner_said(door: Door) -> None:
    sid = await door.submit(INFECTED, CLEAN, HUGE, BEFORE)
    told = []
    for number in range(5):
        async with door.owner.get(f"/documents/{sid}-{number}") as response:
            body = await response.json()
            told.append((body["scan"], body["status"]))
    assert told == [
        ("", "indexed"), ("infected", "failed"), ("clean", "indexed"), ("too large", "indexed"), ("", "indexed"),
    ]  # fmt: skip
    hits = (await door.search("sheet"))["hits"]
    assert {hit["filename"]: hit["scan"] for hit in hits} == {"clean.pdf": "clean", "huge.pdf": "too large"}


async def test_an_infected_file_is_only_downloaded_by_who_says_so(door: Door) -> None:
    sid = await door.submit(INFECTED)
    with Heard("audit") as audit:
        for method, query in (("GET", ""), ("HEAD", ""), ("GET", "?quarantined=no"), ("GET", "?quarantined=")):
            async with door.owner.request(method, f"/documents/{sid}-1/content{query}") as response:
                assert response.status == 403
                assert INFECTED.content not in await response.read()
        async with door.owner.get(f"/documents/{sid}-1/content") as response:
            assert response.content_type == "application/problem+json"
            assert REASON in (await response.json(content_type=None))["title"]
        async with door.owner.get(f"/documents/{sid}-1/content?quarantined=yes") as response:
            assert (response.status, await response.read()) == (200, INFECTED.content)
            assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert response.headers["Content-Disposition"].startswith("attachment;")
    told = audit.told("action", "key_id", "document_id")
    assert told == [*[("download refused", "owner", f"{sid}-1")] * 5, ("download quarantined", "owner", f"{sid}-1")]


async def test_a_person_is_told_in_words_and_has_a_second_button(door: Door) -> None:
    sid = await door.submit(INFECTED, CLEAN, HUGE)
    await log_in(door)
    async with door.stranger.get(f"/documents/{sid}-1/content", headers=BROWSER) as response:
        assert (response.status, response.content_type) == (403, "text/html")
        text = await response.text()
        assert REASON in words_of(text)
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert f'href="/search/documents/{sid}-1"' in text
    shown = await page(door, f"/search/documents/{sid}-1")
    assert f'href="/documents/{sid}-1/content?quarantined=yes"' in shown
    assert f'href="/documents/{sid}-1/content"' not in shown
    assert REASON in words_of(shown)
    assert "Virus scan infected" in words_of(shown)
    clean = await page(door, f"/search/documents/{sid}-2")
    assert "quarantine" not in clean
    assert "Virus scan clean" in words_of(clean)
    assert "Virus scan too large to be scanned whole" in words_of(await page(door, f"/search/documents/{sid}-3"))


async def test_what_is_not_scanned_yet_is_not_given_away_where_files_are_scanned(scanned: Door) -> None:
    sid = await unread(scanned)
    async with scanned.owner.get(f"/documents/{sid}-1/content") as response:
        assert response.status == 409
        assert int(response.headers["Retry-After"]) > 0
        assert "not been scanned" in (await response.json(content_type=None))["title"]
    async with scanned.owner.get(f"/documents/{sid}-1/content?quarantined=yes") as response:
        assert await response.read() == BEFORE.content
    async with scanned.owner.get(f"/documents/{sid}-0/content") as response:
        assert response.status == 200  # a message has no file
    await log_in(scanned)
    shown = await page(scanned, f"/search/documents/{sid}-1")
    assert f'href="/documents/{sid}-1/content"' not in shown


async def test_what_was_read_before_there_was_a_scanner_is_given_away(scanned: Door) -> None:
    sid = await scanned.submit(BEFORE, CLEAN, HUGE)
    for number in (1, 2, 3):
        async with scanned.owner.get(f"/documents/{sid}-{number}/content") as response:
            assert response.status == 200


async def test_without_a_scanner_nothing_waits_for_it(door: Door) -> None:
    sid = await unread(door)
    async with door.owner.get(f"/documents/{sid}-1/content") as response:
        assert response.status == 200


def _event(sid: str, kind: type[DocumentEvent], generation: int, scan: ScanOutcome = "") -> DocumentEvent:
    ids = {"submission_id": sid, "number": "1", "generation": generation}
    if kind is DocumentStored:
        return DocumentStored(**ids, object_key="k", content_type="t", size=1, sha256="0" * 64)
    if kind is DocumentFailed:
        return DocumentFailed(**ids, reason="infected", message=REASON, scan=scan)
    return DocumentExtracted(**ids, text_key="k", characters=1, pages=1, extractor="x", scan=scan)


HISTORIES: dict[str, tuple[list[tuple[type[DocumentEvent], int, ScanOutcome]], str]] = {
    "found later": ([(DocumentExtracted, 1, "clean"), (DocumentFailed, 2, "infected")], "infected"),
    "a false alarm": ([(DocumentFailed, 1, "infected"), (DocumentExtracted, 2, "clean")], "clean"),
    "read again unscanned": ([(DocumentFailed, 1, "infected"), (DocumentExtracted, 2, "")], "infected"),
    "scanned twice": ([(DocumentExtracted, 1, "clean"), (DocumentFailed, 1, "infected")], "infected"),
    "too large, then infected": ([(DocumentExtracted, 1, "too large"), (DocumentFailed, 1, "infected")], "infected"),
    "never": ([(DocumentStored, 1, ""), (DocumentExtracted, 1, "")], ""),
}


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_newest_scan_counts_in_whatever_order_events_arrive(door: Door, history: str, at_once: bool) -> None:
    steps, expected = HISTORIES[history]
    for number, order in enumerate(permutations(steps)):
        sid = f"{number:032x}"
        events = [_event(sid, *step) for step in order]
        received = [Received(event, event.subject, n, WHEN, 1) for n, event in enumerate(events, 100 + 10 * number)]
        for group in [received] if at_once else [[one] for one in received]:
            await journey.write(door.servers.pool, group)
        sql = "select scan from document_states where document_id = $1"
        assert await door.servers.pool.fetchval(sql, f"{sid}-1") == expected
