"""The gateway as the outside sees it: TLS, HTTP/3, policies, limits, its log."""

import asyncio
import json
import re
import socket
import ssl

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tests.compose.http3 import get_over_http3
from tests.compose.project import PUBLIC_NAME, Project
from tests.compose.visitor import Visitor
from tests.support.visitor import fresh_key

pytestmark = pytest.mark.timeout(900)

INLINE = re.compile(r"<script(?![^>]*\ssrc=)|\son[a-z]+=|\sstyle=|<style|javascript:", re.IGNORECASE)
PAGES = ("/contact", "/search/login")
CHUNK = 1 << 16
CHALLENGE = "/.well-known/acme-challenge/"
"""What the authority of test_acme.py asks for, and Caddy answers before anything of ours."""


async def test_pages_are_served_over_http_3_too(stack: Project, visitor: Visitor) -> None:
    async with visitor.http.get(f"{stack.door}/contact") as answer:
        assert answer.headers["Alt-Svc"].startswith('h3=":')
    authority = (stack.home / "root.crt").read_bytes()
    status, headers, body = await get_over_http3("localhost", stack.ports["HTTPS"], "/contact", authority)
    assert status == "200"
    assert "text/html" in headers["content-type"]
    assert b"<form" in body


@pytest.mark.parametrize("page", PAGES)
async def test_a_page_may_run_nothing_that_is_written_into_it_and_has_nothing(page: str, visitor: Visitor) -> None:
    async with visitor.http.get(f"{visitor.stack.door}{page}", headers={"Accept": "text/html"}) as answer:
        policy, text = answer.headers["Content-Security-Policy"], await answer.text()
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "Server" not in answer.headers
    assert not INLINE.search(text)


async def test_browsers_are_told_to_keep_to_tls_at_a_public_name_and_not_at_localhost(stack: Project) -> None:
    connector = aiohttp.TCPConnector(ssl=stack.tls, resolver=_ThisMachine())
    async with aiohttp.ClientSession(connector=connector) as http:
        async with http.get(f"https://{PUBLIC_NAME}:{stack.ports['HTTPS']}/contact") as answer:
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        async with http.get(f"{stack.door}/contact") as answer:
            assert "Strict-Transport-Security" not in answer.headers
        plain = f"http://{PUBLIC_NAME}:{stack.ports['HTTP']}/contact"
        async with http.get(plain, allow_redirects=False) as answer:
            assert answer.status == 308
            assert answer.headers["Location"].startswith(f"https://{PUBLIC_NAME}/")


async def test_nothing_older_than_tls_1_2_is_spoken(stack: Project) -> None:
    old = ssl.create_default_context(cafile=stack.home / "root.crt")
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("localhost", stack.ports["HTTPS"], ssl=old)


@pytest.mark.parametrize(
    ("path", "content_type", "size", "sent"),
    [
        ("/documents/search", "application/json", 2 << 20, 3 << 19),
        ("/contact", "multipart/form-data", 150 << 20, CHUNK),
    ],
)
async def test_a_body_that_is_too_large_is_refused_although_the_rest_never_comes(
    path: str, content_type: str, size: int, sent: int, visitor: Visitor
) -> None:
    reader, writer = await _connected(visitor.stack)
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {size}",
        f"Content-Type: {content_type}; boundary=x",
        f"Authorization: Bearer {visitor.stack.owner_key}",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode() + bytes(sent))
    answered = await asyncio.wait_for(reader.readline(), 10)  # the gateway itself waits for minutes
    writer.close()
    assert answered.split()[1] == b"413"


async def test_who_sends_a_request_too_slowly_is_hung_up_on(stack: Project) -> None:
    reader, writer = await _connected(stack)
    writer.write(b"GET /contact HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    assert await asyncio.wait_for(reader.read(), 90) == b""
    writer.close()


async def test_the_log_is_json_with_a_trace_and_without_secrets(visitor: Visitor) -> None:
    key, marks = fresh_key(), {name: f"{name}-{fresh_key()}" for name in ("token", "key", "q", "session", "message")}
    asked = {name: marks[name] for name in ("token", "key", "q")}
    await visitor.send(marks["message"], key=key)
    cookies = {"letterbox_session": marks["session"]}
    async with visitor.http.get(f"{visitor.stack.door}/search/login", params=asked, cookies=cookies):
        pass
    await visitor.found("logged")
    log = visitor.stack.log("caddy", 400)
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line.get("logger", "").startswith("http.log.access")]
    requests = [line for line in requests if line["status"] != 308]  # from plain HTTP to TLS: nothing is behind it
    requests = [line for line in requests if not line["request"]["uri"].startswith(CHALLENGE)]
    assert {"/contact", "/documents/search"} <= {line["request"]["uri"] for line in requests}
    assert all(line.get("traceID") and line.get("request_id") for line in requests)
    assert "REDACTED" in log
    assert not [secret for secret in (visitor.stack.owner_key, key, *marks.values()) if secret in log]


class _ThisMachine(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


async def _connected(stack: Project) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("localhost", stack.ports["HTTPS"], ssl=stack.tls)
