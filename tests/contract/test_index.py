"""The contract of the search index, the same for every implementation.

Meilisearch is the real one when LETTERBOX_TEST_MEILISEARCH_URL (and _KEY) is set; otherwise a recorded conversation
with a real one is played back, which refuses whatever was not asked then. Cases that were never recorded run on the
embedded index and on a live Meilisearch only.
"""

import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from libs.index.meilisearch import MeilisearchIndex
from libs.index.protocol import (
    DEEPEST,
    MARK_BEGIN,
    MARK_END,
    Filters,
    IndexedDocument,
    InvalidQuery,
    Query,
    SearchIndex,
    Unavailable,
)
from libs.index.tantivy import TantivyIndex
from tests.support.meilisearch_replay import MeilisearchReplay

LIVE = os.environ.get("LETTERBOX_TEST_MEILISEARCH_URL")
KEY = os.environ.get("LETTERBOX_TEST_MEILISEARCH_KEY")


def document(
    number: int, contact: str, filename: str, title: str, text: str, kind: str, **more: object
) -> IndexedDocument:
    return IndexedDocument(
        document_id=f"d{number}",
        contact_id=contact,
        filename=filename,
        title=title,
        text=text,
        contact_name=str(more.get("contact_name", "")),
        document_type=kind,
        tags=tuple(more.get("tags", ())),  # type: ignore[arg-type]
        language=str(more.get("language", "en")),
        status="indexed",
        created_at=datetime.fromtimestamp(1763900000 + number - 1, UTC),
        size=int(more["size"]),  # type: ignore[call-overload]
    )


INVOICE = document(
    1, "c1", "invoice-2026-11.pdf", "Invoice 2026-11",
    "Invoice for the restoration of the lighthouse lantern, number INV-20261107, total 1,250.00 EUR",
    "invoice", tags=("invoice", "urgent"), size=48211,
)  # fmt: skip
MESSAGE = document(
    2, "c1", "message", "Question about the harbour",
    "Good morning, could you please restore our harbour bell? Kind regards",
    "message", size=70,
)  # fmt: skip
CV = document(
    3, "c2", "Lebenslauf.docx", "Lebenslauf", "Erfahrene Uhrmacherin aus Zürich, Restaurierung von Turmuhren",
    "cv", tags=("cv",), language="de", size=20100,
)  # fmt: skip


class Subject:
    """The index under test, filled with three documents."""

    def __init__(self, index: SearchIndex) -> None:
        self.index = index

    async def found(self, words: str, **options: object) -> list[str]:
        answer = await self.index.search(Query(words, limit=10, **options))  # type: ignore[arg-type]
        assert answer.total == len(answer.hits)
        return [hit.document_id for hit in answer.hits]


@pytest.fixture(params=["tantivy", "meilisearch"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    async with filled(request.param, tmp_path) as subject:
        yield subject


@pytest.fixture(params=["tantivy", "meilisearch"] if LIVE else ["tantivy"])
async def live(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    """For what was never recorded: the embedded index, and Meilisearch when there is a real one."""
    async with filled(request.param, tmp_path) as subject:
        yield subject


@asynccontextmanager
async def filled(kind: str, tmp_path: Path) -> AsyncIterator[Subject]:
    if kind == "tantivy":
        index = TantivyIndex(tmp_path / "index", writer=True)
        await index.write([INVOICE, MESSAGE, CV])
        yield Subject(index)
        await index.close()
    elif LIVE:
        meilisearch = MeilisearchIndex(LIVE, KEY, uid=f"test_{uuid.uuid4().hex}")
        await meilisearch.prepare()
        await meilisearch.write([INVOICE, MESSAGE, CV])
        yield Subject(meilisearch)
        await meilisearch.delete_submission("c1")
        await meilisearch.close()
    else:
        async with MeilisearchReplay() as replay:
            meilisearch = MeilisearchIndex(replay.url, "master")
            await meilisearch.prepare()
            await meilisearch.write([INVOICE, MESSAGE, CV])
            yield Subject(meilisearch)
            await meilisearch.close()
            assert replay.refused == []


@pytest.mark.parametrize(
    ("words", "documents"),
    [
        ("lighthouse", ["d1"]),
        ("lighthuose", ["d1"]),
        ("light", ["d1"]),
        ("zurich", ["d3"]),
        ('"harbour bell"', ["d2"]),
        ("harbour -bell", []),
        ("20261107", ["d1"]),
        ("20261108", []),
    ],
    ids=["exact", "typo", "prefix", "accents", "phrase", "exclusion", "number", "a number has no typos"],
)
async def test_words_find_what_they_should(subject: Subject, words: str, documents: list[str]) -> None:
    assert await subject.found(words) == documents


async def test_all_words_must_be_found(subject: Subject) -> None:
    assert await subject.found("harbour lantern") == []


async def test_the_matched_word_is_marked_even_when_it_was_misspelt(subject: Subject) -> None:
    answer = await subject.index.search(Query("lighthuose", limit=10))
    assert any(f"{MARK_BEGIN}lighthouse{MARK_END}" in fragment for fragment in answer.hits[0].highlights)


async def test_hits_carry_their_fields(subject: Subject) -> None:
    hit = (await subject.index.search(Query("lighthouse", limit=10))).hits[0]
    assert (hit.contact_id, hit.filename, hit.title) == ("c1", "invoice-2026-11.pdf", "Invoice 2026-11")
    assert (hit.document_type, hit.tags, hit.language) == ("invoice", ("invoice", "urgent"), "en")
    assert (hit.created_at, hit.size) == (INVOICE.created_at, 48211)
    assert 0 < hit.score <= 1


async def test_filters_hold_together(subject: Subject) -> None:
    filters = Filters(contact_id=("c1",), document_type=("invoice", "cv"))
    assert await subject.found("", filters=filters) == ["d1"]


async def test_facets_are_counted_among_the_hits(subject: Subject) -> None:
    answer = await subject.index.search(Query("restor", facets=("document_type", "tags", "language"), limit=10))
    assert answer.facets["document_type"]["invoice"] == 1
    assert sum(answer.facets["document_type"].values()) == answer.total
    assert answer.facets["tags"]["urgent"] == 1


async def test_hits_can_be_sorted_by_date(subject: Subject) -> None:
    assert await subject.found("", sort="created_at:desc") == ["d3", "d2", "d1"]


async def test_pages_do_not_overlap(live: Subject) -> None:
    pages = [await live.index.search(Query("", sort="size:asc", limit=1, offset=n)) for n in range(4)]
    assert [[hit.document_id for hit in page.hits] for page in pages] == [["d2"], ["d3"], ["d1"], []]
    assert {page.total for page in pages} == {3}


async def test_dates_bound_the_hits(live: Subject) -> None:
    filters = Filters(created_after=MESSAGE.created_at, created_before=CV.created_at)
    assert await live.found("", filters=filters, sort="created_at:asc") == ["d2"]


async def test_a_document_is_replaced_by_its_id(live: Subject) -> None:
    await live.index.write([replace(MESSAGE, text="now about a windmill")])
    assert await live.found("windmill") == ["d2"]
    assert await live.found('"harbour bell"') == []
    assert await live.index.count() == 3


async def test_all_documents_of_a_submission_are_removed(live: Subject) -> None:
    assert await live.index.delete_submission("c1") == 2
    assert await live.found("", sort="created_at:asc") == ["d3"]
    assert await live.index.delete_submission("c1") == 0


async def test_one_document_is_removed_by_its_id(live: Subject) -> None:
    for _ in range(2):
        await live.index.delete_document("d1")
        assert await live.found("", sort="created_at:asc") == ["d2", "d3"]


async def test_both_indexes_understand_the_removal_of_one_document(subject: Subject) -> None:
    await subject.index.delete_document("d1")


@pytest.mark.parametrize(
    "words", ["(", 'a"b', "id:5", "*", "\\", "' OR 1=1", "AND", "-", '"', "\x02\x03", "🙂", "a" * 500]
)
async def test_no_question_breaks_it(live: Subject, words: str) -> None:
    await live.index.search(Query(words, limit=10))


async def test_hostile_filter_values_are_values(live: Subject) -> None:
    filters = Filters(document_type=('invoice" OR document_type = "cv', "\\"))
    assert await live.found("", filters=filters, sort="created_at:asc") == []


async def test_too_deep_a_page_is_the_callers_fault(subject: Subject) -> None:
    with pytest.raises(InvalidQuery):
        await subject.index.search(Query("", limit=10, offset=DEEPEST))


async def test_an_index_that_is_away_is_unavailable() -> None:
    index = MeilisearchIndex("http://127.0.0.1:9", "key")
    for call in (index.ready(), index.search(Query("x")), index.write([INVOICE]), index.count()):
        with pytest.raises(Unavailable):
            await call
    await index.close()


async def test_the_replay_refuses_what_was_not_recorded() -> None:
    async with MeilisearchReplay() as replay:
        index = MeilisearchIndex(replay.url, "master")
        with pytest.raises(Unavailable):
            await index.search(Query("never asked", limit=10))
        assert len(replay.refused) == 1
        await index.close()


async def test_one_process_writes_and_another_reads_at_once(tmp_path: Path) -> None:
    writer, reader = TantivyIndex(tmp_path, writer=True), TantivyIndex(tmp_path)
    with pytest.raises(Unavailable, match="another process"):
        TantivyIndex(tmp_path, writer=True)
    await writer.write([INVOICE])
    assert (await reader.search(Query("lantern"))).total == 1
    await writer.write([MESSAGE])
    assert await reader.count() == 2
    await writer.close()
    await reader.close()
