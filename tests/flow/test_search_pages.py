"""The pages for people, as a browser without JavaScript sees them."""

import html
import re
from pathlib import Path

import aiohttp
import pytest

from tests.support.search_door import KEY, Door, File, Heard, opened, write_keys
from tests.support.search_servers import Servers

pytest_plugins = ["tests.support.search_fixtures"]

QUOTE = File("quote.pdf", text="A quotation for the wardrobe made of walnut", document_type="quote", tags=("wood",))
REASON = "The PDF is protected by a password."
LOCKED = File("locked.pdf", failed=REASON)
HOSTILE = "<script>alert(1)</script>"


async def log_in(door: Door, key: str = KEY, wanted: str = "/search") -> aiohttp.ClientResponse:
    form = {"key": key, "next": wanted}
    async with door.stranger.post("/search/login", data=form, allow_redirects=False) as response:
        await response.read()
        return response


async def page(door: Door, path: str, status: int = 200) -> str:
    """The page as text, checked for what every page promises."""
    async with door.stranger.get(path, allow_redirects=False) as response:
        text = await response.text()
        assert response.status == status, text
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "no-store" in response.headers["Cache-Control"]
        assert "<script" not in text
        assert " style=" not in text
        return text


def words_of(text: str) -> str:
    """What a person reads on the page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


async def test_a_stranger_is_asked_for_the_key_and_then_led_to_where_he_was_going(door: Door) -> None:
    await door.submit(QUOTE)
    async with door.stranger.get("/search?q=wardrobbe&tag=wood", allow_redirects=False) as response:
        assert response.status == 303
        login = response.headers["Location"]
    asked = await page(door, login)
    wanted = re.search(r'name="next" value="([^"]*)"', asked)
    assert wanted is not None
    response = await log_in(door, wanted=html.unescape(wanted[1]))
    assert (response.status, response.headers["Location"]) == (303, "/search?q=wardrobbe&tag=wood")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    assert "<mark>wardrobe</mark>" in await page(door, response.headers["Location"])


async def test_behind_https_the_session_travels_only_encrypted(search_servers: Servers, tmp_path: Path) -> None:
    async with opened(search_servers, tmp_path, public_url="https://letterbox.example") as door:
        assert "Secure" in (await log_in(door)).headers["Set-Cookie"]


async def test_a_wrong_key_opens_nothing_and_is_in_the_audit_log(door: Door) -> None:
    with Heard("audit") as audit:
        response = await log_in(door, key="lbx_wrong")
        assert response.status == 401
        assert "Set-Cookie" not in response.headers
        assert (await log_in(door)).status == 303
    assert audit.told("action", "key_id") == [("login failed", None), ("login", "owner")]
    assert KEY not in str([vars(record) for record in audit.records])


async def test_a_session_ends_by_logging_out_or_when_its_key_leaves_the_file(door: Door) -> None:
    await log_in(door)
    await page(door, "/search")
    async with door.stranger.post("/search/logout", allow_redirects=False) as response:
        assert response.status == 303
    await page(door, "/search", status=303)
    await log_in(door)
    await page(door, "/search")
    write_keys(door.keys_file, partner="lbx_other")
    await page(door, "/search", status=303)


async def test_a_session_reads_documents_but_asks_no_programs_questions(door: Door) -> None:
    sid = await door.submit(QUOTE)
    await log_in(door)
    async with door.stranger.get(f"/documents/{sid}-1/content") as response:
        assert await response.read() == QUOTE.content
    async with door.stranger.post("/documents/search", json={}) as response:
        assert response.status == 401


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
async def test_another_sites_form_can_neither_log_in_nor_out(door: Door, headers: dict[str, str]) -> None:
    form = {"key": KEY}
    async with door.stranger.post("/search/login", data=form, headers=headers, allow_redirects=False) as response:
        assert response.status == 403
        assert "Set-Cookie" not in response.headers
    await log_in(door)
    async with door.stranger.post("/search/logout", headers=headers, allow_redirects=False) as response:
        assert response.status == 403
    await page(door, "/search")


async def test_our_own_form_is_known_by_its_origin(door: Door) -> None:
    headers = {"Origin": door.url}
    async with door.stranger.post(
        "/search/login", data={"key": KEY}, headers=headers, allow_redirects=False
    ) as response:
        assert response.status == 303


async def test_a_link_in_a_web_mail_does_not_ask_for_the_key_again(door: Door) -> None:
    link = "/search?contact=" + "a" * 32
    async with door.stranger.get(link, headers={"Sec-Fetch-Site": "cross-site"}, allow_redirects=False) as response:
        assert response.status == 200
        assert f'content="0; url={link}"' in await response.text()


async def test_the_page_shows_what_is_known_of_a_hit_and_offers_its_filters(door: Door) -> None:
    await door.submit(QUOTE, subject="Wardrobe", name="Ada Lovelace")
    await log_in(door)
    text = await page(door, "/search?q=wardrobbe")
    read = words_of(text)
    for expected in ("quote.pdf", "3 Nov 2026, 09:30 UTC", "8 bytes", "language: en", "searchable", "Ada Lovelace"):
        assert expected in read
    assert 'href="/search?q=wardrobbe&amp;type=quote"' in text
    chosen = await page(door, "/search?q=wardrobbe&type=quote")
    assert 'class="chosen" href="/search?q=wardrobbe"' in chosen
    assert 'type="hidden" name="type" value="quote"' in chosen


async def test_what_visitors_write_is_shown_and_never_obeyed(door: Door) -> None:
    sid = await door.submit(
        File(f"{HOSTILE}.pdf", text=f"{HOSTILE} walnut", tags=(HOSTILE,), document_type='"><b>'),
        message=f"{HOSTILE} walnut",
        name=HOSTILE,
        subject=HOSTILE,
        metadata={HOSTILE: HOSTILE},
        held=HOSTILE,
    )
    await log_in(door)
    for path in ("/search?q=walnut", f"/search?q={HOSTILE}", f"/search/documents/{sid}-1", f"/search?contact={sid}"):
        text = await page(door, path)
        assert html.escape(HOSTILE) in text or html.escape(HOSTILE).replace("&#x27;", "&#39;") in text
        assert '"><b>' not in text


async def test_a_submission_is_shown_whole_with_what_could_not_be_read(door: Door) -> None:
    sid = await door.submit(QUOTE, LOCKED, subject="Wardrobe", held="honeypot")
    await log_in(door)
    read = words_of(await page(door, f"/search?contact={sid}"))
    for expected in ("Message from Ada", "quote.pdf", "locked.pdf", "could not be read", REASON, "honeypot"):
        assert expected in read
    assert "There is no such submission" in words_of(await page(door, "/search?contact=" + "0" * 32))
    assert "There is no such submission" in words_of(await page(door, "/search?contact=%00"))


async def test_a_document_has_a_page_with_its_message_and_what_came_with_it(door: Door) -> None:
    sid = await door.submit(QUOTE, LOCKED, message="Please look\nat this", metadata={"phone": "123"})
    await log_in(door)
    text = await page(door, f"/search/documents/{sid}-1")
    read = words_of(text)
    for expected in ("quote.pdf", "reader 1.0", "Please look at this", "phone 123", "locked.pdf", "Message from Ada"):
        assert expected in read
    assert f'href="/documents/{sid}-1/content"' in text
    assert REASON in words_of(await page(door, f"/search/documents/{sid}-2"))
    assert "no such document" in words_of(await page(door, f"/search/documents/{'0' * 32}-1", status=404))


async def test_many_hits_are_paged(door: Door) -> None:
    await door.submit(*(File(f"walnut-{n}.pdf", text="walnut") for n in range(25)))
    await log_in(door)
    first = await page(door, "/search?q=walnut")
    second = await page(door, "/search?q=walnut&page=2")
    names = [set(re.findall(r"walnut-\d+\.pdf", text)) for text in (first, second)]
    assert [len(found) for found in names] == [20, 5]
    assert not names[0] & names[1]
    assert 'rel="next" href="/search?q=walnut&amp;page=2"' in first
    assert 'rel="next"' not in second


async def test_when_nothing_is_found_the_page_helps(door: Door) -> None:
    await log_in(door)
    assert "Nothing here yet" in await page(door, "/search")
    assert "Nothing found" in await page(door, "/search?q=unicorn")
    assert "search without them" in await page(door, "/search?q=unicorn&tag=wood")
    assert "sort: Must be one of" in words_of(await page(door, "/search?sort=name", status=422))


async def test_the_page_says_that_it_is_degraded_and_still_answers(door: Door) -> None:
    sid = await door.submit(QUOTE)
    await log_in(door)
    await door.postgres.cut()
    for path in ("/search?q=wardrobe", f"/search?contact={sid}"):
        read = words_of(await page(door, path))
        assert "The database is not available now" in read
        assert "quote.pdf" in read
    await page(door, f"/search/documents/{sid}-1", status=503)


async def test_the_style_is_public_and_nothing_else(door: Door) -> None:
    async with door.stranger.get("/search/assets/search.css") as response:
        assert (response.status, response.content_type) == (200, "text/css")
    for path in ("/search/assets/../layout.html", "/search/assets/%2e%2e/layout.html", "/search/what"):
        async with door.stranger.get(path, allow_redirects=False) as response:
            assert response.status in (303, 404), path
