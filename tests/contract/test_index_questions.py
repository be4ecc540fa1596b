"""What a question finds and shows: numbers by part, scripts, facets, pages, likes, suggestions; for every index.

None of this was in the recorded conversation, so Meilisearch takes part when there is a live one.
"""

import os
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from libs.index.meilisearch import MeilisearchIndex
from libs.index.protocol import MARK_BEGIN, MARK_END, Filters, IndexedDocument, Query, SearchIndex
from libs.index.tantivy import TantivyIndex
from tests.contract.test_index import CV, INVOICE, KEY, LIVE, MESSAGE, document

Fill = Callable[[Sequence[IndexedDocument]], Awaitable[SearchIndex]]


@pytest.fixture(params=["tantivy", "meilisearch"] if LIVE else ["tantivy"])
async def fill(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fill]:
    """Makes an index with the documents it is given."""
    index: TantivyIndex | MeilisearchIndex
    if request.param == "tantivy":
        index = TantivyIndex(tmp_path / "index", writer=True)
    else:
        url = os.environ["LETTERBOX_TEST_MEILISEARCH_URL"]
        index = MeilisearchIndex(url, KEY, f"test_{uuid.uuid4().hex}")
        await index.prepare()

    async def filled(documents: Sequence[IndexedDocument]) -> SearchIndex:
        await index.write(documents)
        return index

    yield filled
    if isinstance(index, MeilisearchIndex):
        await index.drop()
    await index.close()


def texts(*of: str) -> list[IndexedDocument]:
    """A document d1, d2, … for each text."""
    return [document(n, f"c{n}", f"file{n}.txt", "", text, "document", size=n) for n, text in enumerate(of, 1)]


async def found(index: SearchIndex, words: str, **more: object) -> list[str]:
    answer = await index.search(Query(words, limit=50, **more))  # type: ignore[arg-type]
    assert answer.total == len(answer.hits)
    return sorted(hit.document_id for hit in answer.hits)


def marked(fragment: str) -> str:
    return fragment.replace(MARK_BEGIN, "[").replace(MARK_END, "]")


@pytest.mark.parametrize(
    ("words", "documents"),
    [
        ("INV-2024-0815", ["d1"]),
        ("2024-0815", ["d1", "d2"]),
        ("0815", ["d1", "d2"]),
        ("INV20240815", ["d1"]),
        ("RE20240815", ["d2"]),
        ("20240815", ["d1", "d2"]),
        ("815", ["d1", "d2"]),
        ("240", ["d1", "d2"]),
        ("1250", ["d3"]),
        ("0816", []),
        ("RE2024081", ["d2"]),
        ("2024-0816", []),
    ],
)
async def test_a_number_or_an_id_is_found_exactly_and_by_part(fill: Fill, words: str, documents: list[str]) -> None:
    index = await fill(texts("Your invoice INV-2024-0815.", "Rechnung RE20240815", "total 1,250.00 EUR in 7 days"))
    assert await found(index, words) == documents


async def test_the_exact_number_ranks_before_its_parts(fill: Fill) -> None:
    index = await fill(texts("order 90815 of many", "order 0815", "order A0815B"))
    assert (await index.search(Query("0815"))).hits[0].document_id == "d2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Die Straße nach Süden", "strasse suden"),
        ("Strasse", "straße"),
        ("Łódź", "lodz"),
        ("Tromsø", "tromso"),
        ("tromso", "Tromsø"),
        ("İstanbul", "istanbul"),
        ("ISPARTA ışık", "isik"),
        ("Москва", "МОСКВА"),
        ("ёлка", "елка"),
        ("Αθήνα", "αθηνα"),
        ("Σίσυφος", "ΣΙΣΥΦΟΣ"),
        ("مُحَمَّد", "محمد"),
        ("한국어 문서", "한국어"),
        ("東京都の請求書", "請求書"),
        ("发票号码", "发票"),
        ("ใบแจ้งหนี้ภาษาไทย", "ภาษาไทย"),
        ("Zu\u0308rich", "Zürich"),
        ("ﬁnancial ＡＢＣ", "financial abc"),
    ],
)
async def test_letters_are_compared_without_case_and_accents_in_every_script(fill: Fill, text: str, words: str) -> None:
    index = await fill(texts(text, "something else"))
    assert await found(index, words) == ["d1"]
    (hit,) = (await index.search(Query(words))).hits
    assert any(MARK_BEGIN in one for one in hit.highlights)


async def test_in_a_script_without_spaces_the_characters_must_stand_together(fill: Fill) -> None:
    index = await fill(texts("東京都", "京都と東"))
    assert await found(index, "東京") == ["d1"]
    (hit,) = (await index.search(Query("東京"))).hits
    assert marked(hit.highlights[0]) == "[東京]都"


@pytest.mark.parametrize("words", ["h", "ha", "har", "bell h", "a good har"])
async def test_the_beginning_of_the_last_word_is_enough_however_short(fill: Fill, words: str) -> None:
    index = await fill(texts("a good harbour bell", "nothing of it"))
    assert "d1" in await found(index, words)


async def test_a_facet_counts_under_the_other_filters_and_not_its_own(fill: Fill) -> None:
    index = await fill([INVOICE, MESSAGE, CV])
    asked = Query(filters=Filters(document_type=("invoice",)), facets=("document_type", "tags", "language"), limit=10)
    answer = await index.search(asked)
    assert answer.total == 1
    assert answer.facets["document_type"] == {"invoice": 1, "message": 1, "cv": 1}
    assert answer.facets["tags"] == {"invoice": 1, "urgent": 1}
    assert answer.facets["language"] == {"en": 1}
    both = replace(asked, filters=Filters(document_type=("invoice", "cv"), language=("en",)))
    answer = await index.search(both)
    assert answer.total == 1
    assert answer.facets["document_type"] == {"invoice": 1, "message": 1}
    assert answer.facets["language"] == {"en": 1, "de": 1}
    words = replace(asked, words="restoration")
    assert set((await index.search(words)).facets["document_type"]) >= {"invoice"}


def paged(*pages: str) -> IndexedDocument:
    text, ends = "", []
    for page in pages:
        text += page + "\n\n"
        ends.append(len(text))
    return replace(texts(text)[0], page_ends=tuple(ends))


async def test_a_highlight_is_the_best_passage_and_says_its_page(fill: Fill) -> None:
    filler = "Plain words about nothing in particular. " * 40
    index = await fill([paged(filler + "A walnut.", filler, f"{filler} The walnut wardrobe {filler}", filler)])
    (hit,) = (await index.search(Query("walnut wardrobe"))).hits
    assert hit.page == 3
    assert "[walnut] [wardrobe]" in marked(hit.highlights[0])
    (hit,) = (await index.search(Query("wallnut wardrobbe"))).hits
    assert hit.page == 3


async def test_what_has_one_page_or_matches_elsewhere_has_no_page(fill: Fill) -> None:
    index = await fill([replace(paged("one", "two"), filename="walnut.pdf"), *texts("", "walnut")[1:]])
    assert [hit.page for hit in (await index.search(Query("walnut"))).hits] == [None, None]


async def test_the_best_passage_is_found_at_the_end_of_a_very_long_text(fill: Fill) -> None:
    filler = "Plain words about nothing in particular. " * 48_000
    index = await fill([paged(filler, "The walnut wardrobe")])
    (hit,) = (await index.search(Query("wardrobe"))).hits
    assert hit.page == 2
    assert marked(hit.highlights[0]).endswith("nothing in particular. The walnut [wardrobe]")


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        ("created_at:desc", "d3"),
        ("created_at:asc", "d1"),
        ("size:desc", "d1"),
        ("size:asc", "d3"),
    ],
)
async def test_a_sort_goes_before_relevance(fill: Fill, sort: str, first: str) -> None:
    some = texts("walnut", "walnut walnut", "walnut and more words than the others have")
    index = await fill([replace(one, size=10 - n) for n, one in enumerate(some)])
    assert (await index.search(Query("walnut", sort=sort))).hits[0].document_id == first


def ids(count: int) -> list[str]:
    chance = random.Random(5)
    return [f"{chance.getrandbits(128):032x}-0" for _ in range(count)]


def equal(count: int) -> list[IndexedDocument]:
    """Documents that nothing tells apart but their ids."""
    return [replace(texts("walnut wardrobe")[0], document_id=one) for one in ids(count)]


@pytest.mark.parametrize("words", ["walnut", "waln", "wallnut", "", "walnut wardrobe"])
async def test_what_is_equal_comes_in_the_order_of_the_ids(fill: Fill, words: str) -> None:
    index = await fill(equal(300))
    pages = [await index.search(Query(words, limit=7, offset=n)) for n in range(0, 300, 7)]
    assert [hit.document_id for page in pages for hit in page.hits] == sorted(ids(300))


@pytest.mark.parametrize("sort", ["created_at:asc", "created_at:desc", "size:asc", "size:desc"])
async def test_what_is_equal_comes_in_the_order_of_the_ids_under_every_sort(fill: Fill, sort: str) -> None:
    some = equal(200)
    day = timedelta(days=1)
    index = await fill(
        [replace(one, size=n % 2, created_at=one.created_at + n % 2 * day) for n, one in enumerate(some)]
    )
    pages = [await index.search(Query("walnut", sort=sort, limit=9, offset=n)) for n in range(0, 200, 9)]
    halves = [sorted(one.document_id for one in some[n::2]) for n in (0, 1)]
    if sort.endswith("desc"):
        halves.reverse()
    assert [hit.document_id for page in pages for hit in page.hits] == halves[0] + halves[1]


async def test_documents_of_one_submission_are_ordered_too(fill: Fill) -> None:
    some = [replace(texts("walnut")[0], document_id=f"{'a' * 32}-{n}") for n in range(40)]
    index = await fill(some)
    pages = [await index.search(Query("walnut", limit=3, offset=n)) for n in range(0, 40, 3)]
    assert [hit.document_id for page in pages for hit in page.hits] == sorted(one.document_id for one in some)


async def test_pages_reach_any_depth_without_repeating_or_losing_a_hit(fill: Fill) -> None:
    count = 12_000
    kinds = ("walnut", "walnut walnut table", "the walnut", "walnuts and a wardrobe")
    base = texts("x")[0]
    some = [replace(base, document_id=one, text=kinds[n % 4]) for n, one in enumerate(ids(count))]
    for begin in range(0, count, 3000):
        index = await fill(some[begin : begin + 3000])
    walked = []
    for offset in range(0, count + 1000, 1000):
        walked += [hit.document_id for hit in (await index.search(Query("waln", limit=1000, offset=offset))).hits]
    assert len(walked) == count
    assert len(set(walked)) == count


GARDEN = texts(
    "The gardener prunes the apple trees in the orchard before spring, and grafts pears",
    "Pruning apple trees: a guide for the orchard and the gardener who grafts",
    "The invoice for the lighthouse lantern is due",
    "A pear orchard wants grafts in spring",
    "Lighthouse keepers polish the lantern",
)


async def test_more_like_this_finds_what_shares_its_telling_words(fill: Fill) -> None:
    index = await fill(GARDEN)
    answer = await index.search(Query(like="d1", limit=10, facets=("document_type",)))
    liked = [hit.document_id for hit in answer.hits]
    assert liked[0] == "d2"
    assert "d1" not in liked
    assert "d5" not in liked
    assert answer.facets["document_type"]["document"] == answer.total
    assert any(MARK_BEGIN in one for one in answer.hits[0].highlights)
    assert (await index.search(Query(like="d1", filters=Filters(contact_id=("c3",))))).hits == ()
    assert (await index.search(Query(like="d99"))).total == 0


@pytest.mark.parametrize(
    ("words", "suggested"),
    [
        ("orchard unicorn", "orchard"),
        ("lanturnne", "lantern"),
        ("gardener lighthouse", "gardener"),
        ('"trees apple"', "trees apple"),
        ("appletrees", "apple trees"),
        ("orchard -apple -pear", "orchard"),
    ],
)
async def test_when_nothing_is_found_other_questions_that_find_something_are_suggested(
    fill: Fill, request: pytest.FixtureRequest, words: str, suggested: str
) -> None:
    index = await fill(GARDEN)
    assert await found(index, words) == []
    offered = await index.suggest(Query(words))
    if not (words == "appletrees" and isinstance(index, MeilisearchIndex)):  # it takes words apart by itself
        assert suggested in offered
    assert len(offered) <= 3
    for one in offered:
        assert await found(index, one)


async def test_what_is_suggested_finds_something_under_the_same_filters(fill: Fill) -> None:
    index = await fill(GARDEN)
    under = Filters(contact_id=("c3", "c5"))
    assert await index.suggest(Query("orchard lantern", filters=under)) == ("lantern",)
    assert await index.suggest(Query("orchards", filters=under)) == ()
    assert await index.suggest(Query("", filters=Filters(contact_id=("none",)))) == ()


async def test_of_two_versions_in_one_batch_the_last_counts(fill: Fill) -> None:
    first, last = texts("walnut")[0], replace(texts("oak")[0], filename="later.txt")
    index = await fill([first, last])
    assert (await index.count(), await found(index, "walnut"), await found(index, "oak")) == (1, [], ["d1"])


async def test_dates_before_1970_and_after_2100_sort(fill: Fill) -> None:
    years = (1903, 1999, 2150)
    some = [
        replace(one, created_at=datetime(year, 1, 1, tzinfo=UTC))
        for one, year in zip(texts(*"abc"), years, strict=True)
    ]
    index = await fill(some)
    hits = (await index.search(Query(sort="created_at:desc"))).hits
    assert [hit.created_at.year for hit in hits] == [2150, 1999, 1903]
