"""What a search offers beyond its hits: pages, likes, other questions, counts under the other filters; API and page."""

import re

import aiohttp
from prometheus_client import REGISTRY, generate_latest

from tests.flow.test_search_pages import log_in, page, words_of
from tests.support.search_door import Door, File, Heard

pytest_plugins = ["tests.support.search_fixtures"]

WARDROBE = File("wardrobe.pdf", text="A quotation for the wardrobe made of walnut and oak", document_type="quote")
TABLE = File("table.pdf", text="A quotation for the table made of walnut and oak", document_type="quote")
BILL = File("bill.pdf", text="Invoice INV-2026-0815 for electricity", document_type="invoice")
BOOK = File("book.pdf", text="The first page.\n\nThe walnut wardrobe on the second.\n\n", page_ends=(17, 55))


async def test_a_hit_names_the_page_of_its_best_passage(door: Door) -> None:
    await door.submit(BOOK, BILL)
    (hit,) = (await door.search("wardrobe"))["hits"]
    assert hit["page"] == 2
    (hit,) = (await door.search("electricity"))["hits"]
    assert "page" not in hit
    await log_in(door)
    assert "Page 2" in words_of(await page(door, "/search?q=wardrobe"))


async def test_a_number_is_found_by_part(door: Door) -> None:
    await door.submit(BILL)
    for words in ("2026-0815", "0815", "inv20260815"):
        assert await door.found(words) == ["bill.pdf"]


async def test_what_is_like_a_document_is_found_and_linked(door: Door) -> None:
    sid = await door.submit(WARDROBE, TABLE, BILL, message="Good morning")
    answer = await door.search(like=f"{sid}-1")
    assert [hit["filename"] for hit in answer["hits"]] == ["table.pdf"]
    await log_in(door)
    for path in ("/search?q=wardrobe", f"/search/documents/{sid}-1"):
        assert f'href="/search?like={sid}-1"' in await page(door, path)
    liked = await page(door, f"/search?like={sid}-1")
    assert "What is like wardrobe.pdf" in words_of(liked)
    assert "table.pdf" in liked
    assert "bill.pdf" not in liked
    assert "No other document" in await page(door, f"/search?like={'0' * 32}-1")
    assert "like: " in words_of(await page(door, "/search?like=nonsense", status=422))


async def test_words_and_a_document_at_once_are_refused(door: Door) -> None:
    async with door.owner.post("/documents/search", json={"query": "x", "like": "a" * 32 + "-1"}) as response:
        assert response.status == 422


async def test_when_nothing_is_found_other_questions_are_offered_that_find_something(door: Door) -> None:
    await door.submit(WARDROBE, BILL)
    answer = await door.search("wardrobe unicorn")
    assert (answer["total"], answer["suggestions"]) == (0, ["wardrobe"])
    assert "suggestions" not in await door.search("wardrobe")
    assert "suggestions" not in await door.search("wardrobe", filters={"document_type": "invoice"})
    await log_in(door)
    text = await page(door, "/search?q=wardrobe+unicorn&type=quote&page=1")
    assert "Did you mean wardrobe ?" in words_of(text)
    assert 'href="/search?q=wardrobe&amp;type=quote"' in text


async def test_a_filter_shows_what_choosing_another_of_its_values_would_find(door: Door) -> None:
    await door.submit(WARDROBE, TABLE, BILL)
    answer = await door.search(filters={"document_type": "invoice"}, facets=["document_type", "status"])
    assert answer["total"] == 1
    assert answer["facets"] == {"document_type": {"quote": 2, "message": 1, "invoice": 1}, "status": {"indexed": 1}}
    await log_in(door)
    text = await page(door, "/search?type=invoice")
    assert re.search(r'href="/search\?type=invoice&amp;type=quote"><span>quote</span><span class="count">2', text)


async def test_the_order_is_chosen_by_a_link_and_kept_with_new_words(door: Door) -> None:
    await door.submit(WARDROBE, TABLE)
    await log_in(door)
    text = await page(door, "/search?q=walnut&type=quote&sort=size:asc")
    assert 'href="/search?q=walnut&amp;type=quote&amp;sort=created_at%3Adesc">Newest</a>' in text
    assert 'href="/search?q=walnut&amp;type=quote">Best match</a>' in text
    assert '<span aria-current="true">Smallest</span>' in text
    assert '<input type="hidden" name="sort" value="size:asc">' in text


async def test_pages_go_on_for_as_long_as_there_are_hits(door: Door) -> None:
    for _ in range(3):
        await door.submit(*(File(f"walnut-{n}.pdf", text="walnut") for n in range(60)))
    seen: list[str] = []
    for offset in range(0, 200, 25):
        seen += [hit["document_id"] for hit in (await door.search("walnut", offset=offset, limit=25))["hits"]]
    assert len(seen) == len(set(seen)) == 180
    assert (await door.search("walnut", offset=9_000_000))["hits"] == []


async def test_the_audit_log_keeps_the_words_and_the_metrics_do_not(door: Door) -> None:
    sid = await door.submit(WARDROBE)
    await door.search("warm-up unicornish")
    before = series()
    with Heard("audit") as audit:
        for words in ("secretword", "wardrobe secretword", "another secretword"):
            await door.search(words)
        await door.search(like=f"{sid}-1")
    assert audit.told("action", "words", "total", "like") == [
        ("search", "secretword", 0, None),
        ("search", "wardrobe secretword", 0, None),
        ("search", "another secretword", 0, None),
        ("search", "", 0, f"{sid}-1"),
    ]
    assert series() == before
    assert b"secretword" not in generate_latest(REGISTRY)


def series() -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    """Every series that search keeps: names with their labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items())))
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith(("search_", "http_"))
    }


async def test_the_session_of_a_page_is_enough_for_its_links(door: Door) -> None:
    sid = await door.submit(WARDROBE, TABLE)
    await log_in(door)
    session: aiohttp.ClientSession = door.stranger
    async with session.get(f"/search?like={sid}-1&sort=created_at:desc&type=quote") as response:
        assert response.status == 200
