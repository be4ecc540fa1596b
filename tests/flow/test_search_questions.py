"""`POST /documents/search` over a real index, a real record, and without one of them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from prometheus_client import REGISTRY, generate_latest

from services.search.attempts import BURST
from tests.support.ports import free_port
from tests.support.search_door import KEY, Door, File, Heard, opened, until_not_degraded, write_keys
from tests.support.search_servers import Servers

pytest_plugins = ["tests.support.search_fixtures"]

QUOTE = File("quote.pdf", text="A quotation for the wardrobe made of walnut", document_type="quote", tags=("wood",))
INVOICE = File("invoice.pdf", text="Invoice for the walnut table", document_type="invoice", tags=("wood", "paid"))


async def test_a_misspelt_word_inside_a_file_finds_it_with_all_that_is_known_of_it(door: Door) -> None:
    sid = await door.submit(QUOTE, message="See the attachment")
    answer = await door.search("wardrobbe", facets=["document_type", "tags"])
    (hit,) = answer["hits"]
    assert 0 < hit.pop("score") <= 1
    assert "<mark>wardrobe</mark>" in hit.pop("highlights")[0]
    assert hit == {
        "document_id": f"{sid}-1",
        "contact_id": sid,
        "filename": "quote.pdf",
        "document_type": "quote",
        "content_type": "application/pdf",
        "size": 8,
        "status": "indexed",
        "tags": ["wood"],
        "language": "en",
        "created_at": "2026-11-03T09:30:00+00:00",
        "scan": "",
    }
    assert answer["total"] == 1
    assert answer["facets"] == {"document_type": {"quote": 1}, "tags": {"wood": 1}}
    assert set(answer) == {"hits", "total", "facets", "took_ms"}


async def test_a_message_is_a_document_too(door: Door) -> None:
    await door.submit(message="When do you open on Thursday?")
    (hit,) = (await door.search("thursday"))["hits"]
    assert (hit["document_type"], hit["content_type"], hit["size"]) == ("message", "text/plain", 29)


async def test_what_the_record_says_wins_over_the_index(door: Door) -> None:
    await door.submit(QUOTE)
    await door.servers.pool.execute("update documents set size = 4711, filename = 'offer.pdf' where number = '1'")
    await door.servers.pool.execute("update document_states set status = 'failed', reason = 'x' where rank > 1")
    (hit,) = (await door.search("wardrobe"))["hits"]
    assert (hit["size"], hit["filename"], hit["status"]) == (4711, "offer.pdf", "failed")


async def test_what_the_record_no_longer_has_is_no_hit(door: Door) -> None:
    await door.submit(QUOTE)
    gone = await door.submit(INVOICE)
    await door.forget(gone)
    assert await door.found("walnut") == ["quote.pdf"]


async def test_filters_narrow_and_pages_do_not_overlap(door: Door) -> None:
    first = await door.submit(QUOTE, when=datetime(2026, 10, 1, tzinfo=UTC))
    await door.submit(INVOICE, when=datetime(2026, 11, 1, tzinfo=UTC))
    assert await door.found("walnut", filters={"document_type": "invoice"}) == ["invoice.pdf"]
    assert await door.found("walnut", filters={"tags": ["paid"]}) == ["invoice.pdf"]
    assert await door.found("walnut", filters={"contact_id": first}) == ["quote.pdf"]
    assert await door.found("walnut", filters={"created_after": "2026-10-15"}) == ["invoice.pdf"]
    assert await door.found("walnut", filters={"created_before": "2026-10-15T00:00:00Z"}) == ["quote.pdf"]
    assert await door.found("walnut", sort="created_at:asc") == ["quote.pdf", "invoice.pdf"]
    pages = [await door.found("walnut", sort="created_at:desc", limit=1, offset=n) for n in (0, 1, 2)]
    assert pages == [["invoice.pdf"], ["quote.pdf"], []]


async def test_what_a_visitor_wrote_never_becomes_markup(door: Door) -> None:
    await door.submit(message="<script>alert('wardrobe')</script> \x02 & <img src=x onerror=wardrobe>")
    (hit,) = (await door.search("wardrobe"))["hits"]
    text = " ".join(hit["highlights"])
    assert "<mark>wardrobe</mark>" in text
    assert "<" not in text.replace("<mark>", "").replace("</mark>", "")


async def test_while_postgresql_is_away_the_index_answers_alone(door: Door) -> None:
    sid = await door.submit(QUOTE)
    await door.postgres.cut()
    answer = await door.search("wardrobe")
    assert answer["degraded"] is True
    (hit,) = answer["hits"]
    assert (hit["document_id"], hit["filename"], hit["content_type"]) == (f"{sid}-1", "quote.pdf", None)
    assert await door.health.missing() == []
    await door.postgres.open()
    answer = await until_not_degraded(door)
    assert answer["hits"][0]["content_type"] is not None


async def test_a_postgresql_that_says_nothing_is_waited_for_once_and_not_by_everyone(door: Door) -> None:
    await door.submit(QUOTE)
    assert "degraded" not in await door.search("wardrobe")
    door.postgres.hang()
    assert (await door.search("wardrobe"))["degraded"] is True
    passed = door.postgres.passed
    for _ in range(5):
        assert (await door.search("wardrobe"))["degraded"] is True
    assert door.postgres.passed == passed


async def test_search_starts_while_postgresql_and_the_object_store_are_away(
    search_servers: Servers, tmp_path: Path
) -> None:
    gone = {
        "postgres_dsn": f"postgresql://search@127.0.0.1:{free_port()}/postgres",
        "s3_endpoint_url": f"http://127.0.0.1:{free_port()}",
    }
    async with opened(search_servers, tmp_path, **gone) as door:
        await door.submit(QUOTE)
        assert (await door.search("wardrobe"))["degraded"] is True


async def test_without_the_index_the_client_is_told_when_to_come_back(search_servers: Servers, tmp_path: Path) -> None:
    away = {"index": "meilisearch", "meilisearch_url": f"http://127.0.0.1:{free_port()}"}
    async with opened(search_servers, tmp_path, **away) as door:
        async with door.owner.post("/documents/search", json={"query": "x"}) as response:
            assert response.status == 503
            assert response.content_type == "application/problem+json"
            assert int(response.headers["Retry-After"]) > 0
        assert await door.health.missing() == ["index"]


async def test_a_search_that_is_not_valid_is_refused_in_words(door: Door) -> None:
    cases: list[tuple[str, int, set[str]]] = [
        (json.dumps({"query": "x" * 501, "colour": 1}), 422, {"query", "colour"}),
        (json.dumps({"filters": {"owner": "x"}, "limit": 1000}), 422, {"filters.owner", "limit"}),
        ("[]", 422, {"body"}),
        ("{", 400, set()),
        ('{"query": "\\ud800"}', 400, set()),
        ("[" * 5000, 400, set()),
        ("x" * 100_000, 413, set()),
    ]
    for body, status, fields in cases:
        headers = {"Content-Type": "application/json"}
        async with door.owner.post("/documents/search", data=body, headers=headers) as response:
            assert response.content_type == "application/problem+json"
            errors = (await response.json()).get("errors", [])
            assert (response.status, {error["field"] for error in errors}) == (status, fields), body[:80]


async def test_only_json_is_a_search(door: Door) -> None:
    async with door.owner.post("/documents/search", data={"query": "x"}) as response:
        assert response.status == 415


async def test_only_an_owners_key_opens_and_a_new_keys_file_counts_at_once(door: Door) -> None:
    async def status(key: str | None) -> int:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        async with door.stranger.post("/documents/search", json={}, headers=headers) as response:
            if response.status == 401:
                assert response.content_type == "application/problem+json"
                assert response.headers["WWW-Authenticate"].startswith("Bearer")
            return response.status

    await door.postgres.cut()
    assert [await status(key) for key in (None, "lbx_wrong", KEY)] == [401, 401, 200]
    write_keys(door.keys_file, owner="lbx_new")
    assert [await status(key) for key in (KEY, "lbx_new")] == [401, 200]


async def test_guessing_keys_is_slowed_down_but_never_locks_the_owner_out(door: Door) -> None:
    statuses = []
    for _ in range(BURST + 5):
        headers = {"Authorization": "Bearer lbx_guess"}
        async with door.stranger.get("/documents/search", headers=headers) as response:
            statuses.append((response.status, "Retry-After" in response.headers))
    assert statuses[0] == (401, False)
    assert statuses[-1] == (429, True)
    assert (await door.search())["total"] == 0


async def test_every_question_is_in_the_audit_log_and_its_words_nowhere_else(door: Door) -> None:
    await door.submit(QUOTE)
    with Heard("audit") as audit, Heard("") as everything:
        await door.search("wardrobe", filters={"tags": "wood"})
        async with aiohttp.request("GET", f"{door.url}/documents/search", headers={"Authorization": "Bearer no"}):
            pass
    asked, failed = audit.records
    assert vars(asked).items() >= {("action", "search"), ("key_id", "owner"), ("words", "wardrobe"), ("total", 1)}
    assert vars(asked)["filters"] == {"tags": ["wood"]}
    assert (vars(failed)["action"], vars(failed)["key_id"]) == ("login failed", None)
    assert [r.name for r in everything.records if "wardrobe" in str(vars(r))] == ["audit"]
    assert b"wardrobe" not in generate_latest(REGISTRY)
