"""A visitor of a project, and its owner: everything goes through the gateway, over TLS."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.compose.project import Project
from tests.support.visitor import TERMINAL, File, good

LONGEST_WAIT_SECONDS = 120


@dataclass
class Visitor:
    """Somebody at the gateway of `stack`."""

    stack: Project
    http: aiohttp.ClientSession

    async def send(self, message: str, files: Sequence[File] = (), *, key: str = "") -> str:
        """Post the form; the id of what was accepted."""
        form = aiohttp.FormData(good({"message": message}), default_to_multipart=True)
        for name, content in files:
            form.add_field("files", content, filename=name, content_type="application/octet-stream")
        headers = {"Idempotency-Key": key} if key else {}
        async with self.http.post(f"{self.stack.door}/contact", data=form, headers=headers) as answer:
            assert answer.status == 202, await answer.text()
            return str((await answer.json())["id"])

    async def journey(self, submission_id: str) -> Any:
        """The journey as it is now."""
        url = f"{self.stack.door}/contact/{submission_id}"
        async with self.http.get(url, headers={"Accept": "application/json"}) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def ended(self, submission_id: str) -> Any:
        """The journey, once it has ended."""
        until = time.monotonic() + LONGEST_WAIT_SECONDS
        while True:
            journey = await self.journey(submission_id)
            if journey["status"] in TERMINAL:
                return journey
            assert time.monotonic() < until, journey
            await asyncio.sleep(0.3)

    async def found(self, query: str) -> list[dict[str, Any]]:
        """What the owner finds."""
        headers = {"Authorization": f"Bearer {self.stack.owner_key}"}
        url = f"{self.stack.door}/documents/search"
        async with self.http.post(url, json={"query": query}, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            return list((await answer.json())["hits"])

    async def mails(self) -> list[dict[str, str]]:
        """What the catch-all took."""
        async with aiohttp.ClientSession() as http, http.get(f"{self.stack.mail_page}/messages.json") as answer:
            return list(await answer.json())
