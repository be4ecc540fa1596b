"""What a visitor and the owner do, through the gateway."""

import asyncio
import json
import secrets
from typing import Any

import aiohttp

from letterbox.local.stack import LocalStack

ENDED = {"done", "partly failed", "held"}


async def send(
    session: aiohttp.ClientSession,
    stack: LocalStack,
    message: str = "Hello there",
    files: dict[str, bytes] | None = None,
    **fields: str,
) -> dict[str, Any]:
    """Send a form, with files; returns the accepted submission."""
    form = aiohttp.FormData(quote_fields=False)
    given = {"token": secrets.token_hex(16), "name": "Ada", "email": "ada@example.org", "message": message, **fields}
    for name, value in given.items():
        form.add_field(name, value)
    for name, content in (files or {}).items():
        form.add_field("files", content, filename=name, content_type="application/octet-stream")
    async with session.post(f"{stack.address('caddy')}/contact", data=form) as answer:
        assert answer.status == 202, await answer.text()
        accepted: dict[str, Any] = await answer.json()
        return accepted


async def journey_end(session: aiohttp.ClientSession, accepted: dict[str, Any], seconds: float = 60) -> dict[str, Any]:
    """The journey once it has ended."""
    async with asyncio.timeout(seconds):
        while True:
            async with session.get(accepted["status_url"]) as answer:
                if answer.status == 200:
                    journey: dict[str, Any] = await answer.json()
                    if journey["status"] in ENDED:
                        return journey
            await asyncio.sleep(0.1)


async def search(session: aiohttp.ClientSession, stack: LocalStack, query: str, **more: Any) -> dict[str, Any]:
    """The owner's search."""
    headers = {"Authorization": f"Bearer {stack.owner_key}"}
    async with session.post(
        f"{stack.address('caddy')}/documents/search", json={"query": query, **more}, headers=headers
    ) as answer:
        assert answer.status == 200, await answer.text()
        found: dict[str, Any] = json.loads(await answer.text())
        return found


async def mails(session: aiohttp.ClientSession, stack: LocalStack) -> list[dict[str, str]]:
    """All mails in the catch-all, the newest first."""
    async with session.get(f"{stack.mail_page}/messages.json") as answer:
        caught: list[dict[str, str]] = await answer.json()
        return caught
