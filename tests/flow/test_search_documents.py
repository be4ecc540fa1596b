"""`GET /documents/<id>` and `/content`: what is known of a document, and its bytes as a harmless download."""

import hashlib

import aiohttp
import pytest

from tests.support.search_door import Door, File, Heard

pytest_plugins = ["tests.support.search_fixtures"]

BIG = File('Übersicht "2026".pdf', content=bytes(range(256)) * 12_000, text="numbers", tags=("wood",))
NOBODY = "0" * 32


async def test_a_document_tells_its_status_where_it_came_from_and_how_it_was_read(door: Door) -> None:
    sid = await door.submit(BIG, subject="Numbers", metadata={"phone": "123"}, held="honeypot")
    async with door.owner.get(f"/documents/{sid}-1") as response:
        assert response.status == 200
        assert "no-store" in response.headers["Cache-Control"]
        body = await response.json()
    assert body["status"] == "indexed"
    assert body["reason"] is None
    assert body["sha256"] == hashlib.sha256(BIG.content).hexdigest()
    assert body["provenance"] == {"extractor": "reader 1.0", "ocr": False, "pages": 2, "characters": 7, "generation": 1}
    assert body["contact"] == {
        "form": "contact",
        "name": "Ada",
        "email": "ada@example.net",
        "subject": "Numbers",
        "metadata": {"phone": "123"},
        "held": "honeypot",
        "created_at": "2026-11-03T09:30:00+00:00",
    }
    assert "object_key" not in body
    assert "message" not in body


async def test_a_document_that_could_not_be_read_says_why(door: Door) -> None:
    sid = await door.submit(File("locked.pdf", failed="The PDF is protected by a password."))
    async with door.owner.get(f"/documents/{sid}-1") as response:
        body = await response.json()
    assert (body["status"], body["reason"]) == ("failed", "The PDF is protected by a password.")


async def test_a_message_comes_with_its_text_and_downloads_as_text(door: Door) -> None:
    sid = await door.submit(message="Grüße <b>\nAda")
    async with door.owner.get(f"/documents/{sid}-0") as response:
        assert (await response.json())["message"] == "Grüße <b>\nAda"
    async with door.owner.get(f"/documents/{sid}-0/content") as response:
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert await response.read() == "Grüße <b>\nAda".encode()


async def test_a_file_is_downloaded_byte_for_byte_and_can_do_no_harm(door: Door) -> None:
    sid = await door.submit(BIG)
    for method in ("GET", "HEAD"):
        async with door.owner.request(method, f"/documents/{sid}-1/content") as response:
            assert response.status == 200
            assert response.headers["Content-Disposition"] == (
                "attachment; filename=\"Ubersicht _2026_.pdf\"; filename*=UTF-8''%C3%9Cbersicht%20%222026%22.pdf"
            )
            assert response.headers["Content-Type"] == "application/pdf"
            assert response.headers["Content-Length"] == str(len(BIG.content))
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
            assert response.headers["Cache-Control"] == "private, no-store"
            assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
            assert await response.read() == (BIG.content if method == "GET" else b"")


async def test_an_empty_file_is_downloaded_as_it_is(door: Door) -> None:
    sid = await door.submit(File("empty.txt", content=b"", content_type="text/plain"))
    await door.servers.pool.execute("update documents set content_type = E'text/html\\n<b>' where number = '1'")
    async with door.owner.get(f"/documents/{sid}-1/content") as response:
        assert (response.status, await response.read()) == (200, b"")
        assert response.headers["Content-Type"] == "application/octet-stream"


async def test_what_is_not_there_is_not_found(door: Door) -> None:
    sid = await door.submit(BIG)
    await door.servers.objects.delete([f"originals/{sid}/1/1"])
    paths = [
        f"/documents/{NOBODY}-1",
        f"/documents/{NOBODY}-1/content",
        f"/documents/{sid}-2",
        f"/documents/{sid}-1/content",
        "/documents/what",
        f"/documents/{sid}-1%00",
        "/documents/..%2f..%2fetc%2fpasswd/content",
    ]
    for path in paths:
        async with door.owner.get(path) as response:
            assert (response.status, response.content_type) == (404, "application/problem+json"), path


async def test_nothing_is_shown_without_a_key(door: Door) -> None:
    sid = await door.submit(BIG)
    for path in (f"/documents/{sid}-1", f"/documents/{sid}-1/content", "/documents/what"):
        async with door.stranger.get(path) as response:
            assert (response.status, response.content_type) == (401, "application/problem+json"), path


async def test_while_the_object_store_is_away_the_client_is_told_when_to_come_back(door: Door) -> None:
    sid = await door.submit(BIG)
    await door.s3.cut()
    async with door.owner.get(f"/documents/{sid}-1/content") as response:
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    async with door.owner.get(f"/documents/{sid}-0/content") as response:
        assert response.status == 200


async def test_while_postgresql_is_away_the_client_is_told_when_to_come_back(door: Door) -> None:
    sid = await door.submit(BIG)
    await door.postgres.cut()
    for path in (f"/documents/{sid}-1", f"/documents/{sid}-1/content"):
        async with door.owner.get(path) as response:
            assert response.status == 503
            assert int(response.headers["Retry-After"]) > 0


async def test_a_download_that_breaks_off_is_never_taken_for_the_whole_file(door: Door) -> None:
    sid = await door.submit(File("big.pdf", content=b"x" * 32_000_000))
    async with door.owner.get(f"/documents/{sid}-1/content") as response:
        assert response.status == 200
        await response.content.readexactly(1000)
        await door.s3.cut()
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_an_object_of_another_size_than_the_record_says_breaks_off_too(door: Door) -> None:
    sid = await door.submit(BIG)
    await door.servers.objects.put(f"originals/{sid}/1/1", b"short", "application/pdf")
    async with door.owner.get(f"/documents/{sid}-1/content") as response:
        with pytest.raises(aiohttp.ClientError):
            await response.read()


async def test_every_look_and_every_download_is_in_the_audit_log(door: Door) -> None:
    sid = await door.submit(BIG)
    with Heard("audit") as audit:
        for path in (f"/documents/{sid}-1", f"/documents/{sid}-1/content", f"/search/documents/{sid}-1"):
            async with door.owner.get(path) as response:
                await response.read()
    told = audit.told("action", "key_id", "document_id")
    assert told == [(action, "owner", f"{sid}-1") for action in ("view", "download", "view")]
