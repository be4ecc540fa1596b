"""Pictures of pages at the owner's door: who may see them, how they are sent, and how the pages show them."""

import pytest

from tests.flow.test_search_pages import HOSTILE, log_in, page
from tests.support.search_door import Door, File, Heard

pytest_plugins = ["tests.support.search_fixtures"]

QUOTE = File("quote.pdf", text="walnut", pictures=(b"small picture", b"first page", b"second page"))
BARE = File("table.csv", text="walnut", content_type="text/csv")


async def test_pictures_are_sent_so_that_they_can_do_nothing_but_be_seen(door: Door) -> None:
    sid = await door.submit(QUOTE)
    for path, picture in (("thumbnail", QUOTE.pictures[0]), ("pages/1", b"first page"), ("pages/2", b"second page")):
        async with door.owner.get(f"/documents/{sid}-1/{path}") as response:
            assert (response.status, response.content_type) == (200, "image/webp")
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert response.headers["Cache-Control"] == "private, no-cache"
            assert await response.read() == picture


async def test_a_picture_that_a_browser_has_is_not_sent_again_unless_it_changed(door: Door) -> None:
    sid = await door.submit(QUOTE)
    path = f"/documents/{sid}-1/pages/1"
    async with door.owner.get(path) as response:
        known = {"If-None-Match": response.headers["ETag"]}
    async with door.owner.get(path, headers=known) as response:
        assert (response.status, await response.read()) == (304, b"")
        assert response.headers["Cache-Control"] == "private, no-cache"
    async with door.stranger.get(path, headers=known) as response:
        assert response.status == 401
    await door.servers.objects.put(f"preview/{sid}/1/1.webp", b"drawn anew", "image/webp")
    async with door.owner.get(path, headers=known) as response:
        assert (response.status, await response.read()) == (200, b"drawn anew")


async def test_where_there_is_no_picture_there_is_none(door: Door) -> None:
    sid = await door.submit(QUOTE, BARE)
    await door.servers.objects.delete([f"preview/{sid}/1/2.webp"])
    paths = (
        "1/pages/2",
        "1/pages/3",
        "1/pages/0",
        "1/pages/01",
        "1/pages/1.webp",
        "2/thumbnail",
        "2/pages/1",
        "0/thumbnail",
    )
    for path in paths:
        async with door.owner.get(f"/documents/{sid}-{path}") as response:
            assert (response.status, response.content_type) == (404, "application/problem+json"), path


async def test_a_program_is_told_where_the_pictures_are(door: Door) -> None:
    sid = await door.submit(QUOTE, BARE)
    thumbnail = f"/documents/{sid}-1/thumbnail"
    hits = {hit["filename"]: hit for hit in (await door.search("walnut"))["hits"]}
    assert hits["quote.pdf"]["thumbnail"] == thumbnail
    assert "thumbnail" not in hits["table.csv"]
    async with door.owner.get(f"/documents/{sid}-1") as response:
        told = await response.json()
    assert told["thumbnail"] == thumbnail
    assert told["page_pictures"] == [f"/documents/{sid}-1/pages/{n}" for n in (1, 2)]
    async with door.owner.get(f"/documents/{sid}-2") as response:
        assert "thumbnail" not in await response.json()


async def test_strangers_see_no_picture_and_a_session_does(door: Door) -> None:
    sid = await door.submit(QUOTE)
    paths = (f"/documents/{sid}-1/thumbnail", f"/documents/{sid}-1/pages/1")
    for path in paths:
        async with door.stranger.get(path) as response:
            assert response.status == 401
    await log_in(door)
    for path in paths:
        async with door.stranger.get(path) as response:
            assert response.status == 200


async def test_a_page_that_is_looked_at_is_in_the_audit_log(door: Door) -> None:
    sid = await door.submit(QUOTE)
    with Heard("audit") as audit:
        for path in ("thumbnail", "pages/2", "pages/9"):
            async with door.owner.get(f"/documents/{sid}-1/{path}") as response:
                await response.read()
    assert audit.told("action", "document_id", "page") == [("view", f"{sid}-1", 2)]


async def test_the_pages_show_pictures_with_words_for_who_cannot_see_them(door: Door) -> None:
    sid = await door.submit(QUOTE, BARE, message="walnut")
    await log_in(door)
    found = await page(door, "/search?q=walnut")
    assert (
        f'src="/documents/{sid}-1/thumbnail" alt="First page of quote.pdf" width="84" height="118" loading="lazy"'
        in found
    )
    assert found.count("/thumbnail") == 1
    for icon in ("table", "message"):
        assert f'src="/search/assets/types/{icon}.svg" alt=""' in found
    shown = await page(door, f"/search/documents/{sid}-1")
    for number in (1, 2):
        assert (
            f'src="/documents/{sid}-1/pages/{number}" alt="Page {number} of quote.pdf" width="990" height="1400" '
            'loading="lazy"'
        ) in shown
    assert "<img" not in await page(door, f"/search/documents/{sid}-2")


async def test_a_name_in_the_words_of_a_picture_is_shown_and_never_obeyed(door: Door) -> None:
    name = f'"><b>{HOSTILE}.pdf'
    sid = await door.submit(File(name, text="walnut", pictures=QUOTE.pictures))
    await log_in(door)
    for path in ("/search?q=walnut", f"/search/documents/{sid}-1"):
        assert '"><b>' not in await page(door, path)


async def test_while_the_record_is_away_no_picture_is_shown(door: Door) -> None:
    sid = await door.submit(QUOTE)
    await log_in(door)
    await door.postgres.cut()
    found = await door.search("walnut")
    assert found["degraded"]
    assert "thumbnail" not in found["hits"][0]
    assert 'src="/search/assets/types/file.svg"' in await page(door, "/search?q=walnut")
    async with door.owner.get(f"/documents/{sid}-1/thumbnail") as response:
        assert (response.status, "Retry-After" in response.headers) == (503, True)


async def test_while_the_object_store_is_away_the_browser_is_told_when_to_come_back(door: Door) -> None:
    sid = await door.submit(QUOTE)
    await door.s3.cut()
    async with door.owner.get(f"/documents/{sid}-1/thumbnail") as response:
        assert (response.status, "Retry-After" in response.headers) == (503, True)


@pytest.mark.parametrize(
    "icon", ["archive", "book", "file", "mail", "message", "picture", "slides", "table", "text", "web"]
)
async def test_every_icon_is_there(door: Door, icon: str) -> None:
    async with door.stranger.get(f"/search/assets/types/{icon}.svg") as response:
        assert (response.status, response.content_type) == (200, "image/svg+xml")
