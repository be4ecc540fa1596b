"""A visitor who writes through the gateway, and can look behind the scenes."""

import asyncio
import email
import email.policy
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from secrets import token_hex
from typing import Any, TypeVar

import aiohttp
from pydantic import SecretStr

from letterbox.local.objects import REGION, access_key
from letterbox.local.stack import LocalStack
from libs.objects.store import ObjectStore, object_store
from libs.service.settings import ObjectSettings

T = TypeVar("T")

RATES_OFF = {"LETTERBOX_RATE_PER_ADDRESS": "off", "LETTERBOX_RATE_PER_FORM": "off"}
ORIGIN = "https://site.example"
RETURN_TO = "https://site.example/thanks"
TERMINAL = ("done", "partly failed", "held")
LONGEST_WAIT_SECONDS = 120
"""A bound for what never happens; nothing is measured by it."""

File = tuple[str, bytes]
"""A file's name and content."""


@dataclass(frozen=True)
class Answer:
    """What an HTTP request was answered."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: Any = field(default=None)

    @property
    def id(self) -> str:
        """The id of an accepted submission."""
        assert self.status == 202, self.text
        return str(self.body["id"])

    @property
    def wrong_fields(self) -> list[str]:
        """The names of the fields that a problem complains about."""
        return [error["field"] for error in self.body.get("errors", [])]


@dataclass
class Visitor:
    """Somebody who writes through the gateway of `stack` (or straight to ingest), and can look behind the scenes."""

    stack: LocalStack
    http: aiohttp.ClientSession
    objects: ObjectStore

    @property
    def door(self) -> str:
        """The gateway, when the stack has one; otherwise ingest itself."""
        return self.stack.address("caddy" if "caddy" in self.stack.names else "ingest")

    async def ask(self, method: str, path: str, *, at: str = "", **more: Any) -> Answer:
        """One request, at the gateway or at another part."""
        url = (at or self.door) + path
        async with self.http.request(method, url, allow_redirects=False, **more) as response:
            text = await response.text()
            body = await response.json(content_type=None) if "json" in response.content_type else None
            return Answer(response.status, response.headers.copy(), text, body)

    async def send(
        self, fields: Mapping[str, str] | None = None, files: Sequence[File] = (), *, key: str = "", **more: Any
    ) -> Answer:
        """Post the form as a program would: JSON, or multipart when there are files; `fields` override good ones."""
        headers = {**({"Idempotency-Key": key} if key else {}), **more.pop("headers", {})}
        try:
            return await self._send(good(fields), files, headers, more)
        except aiohttp.ClientOSError:  # answered before all was sent: this client then misses the answer
            return await self._send(good(fields), files, headers, more)

    async def _send(
        self, values: dict[str, str], files: Sequence[File], headers: Mapping[str, str], more: Mapping[str, Any]
    ) -> Answer:
        if not files:
            return await self.ask("POST", "/contact", json=values, headers=headers, **more)
        form = aiohttp.FormData(values)
        for name, content in files:
            form.add_field("files", content, filename=name, content_type="application/octet-stream")
        # In one piece: an early answer can only be missed while a body is being written.
        payload = form()
        whole = await payload.as_bytes()
        headers = {**headers, "Content-Type": payload.content_type}
        return await self.ask("POST", "/contact", data=whole, headers=headers, **more)

    async def journey(self, submission_id: str) -> Any:
        """The journey as JSON."""
        answer = await self.ask("GET", f"/contact/{submission_id}", headers={"Accept": "application/json"})
        assert answer.status == 200, answer.text
        return answer.body

    async def ended(self, submission_id: str) -> Any:
        """The journey, once it has ended."""

        async def look() -> Any:
            journey = await self.journey(submission_id)
            return journey if journey["status"] in TERMINAL else None

        return await eventually(look)

    async def staged(self, submission_id: str = "") -> list[str]:
        """Keys of the original files that are in the bucket, of one submission or of all."""
        return [key async for key, _, _ in self.objects.keys(f"originals/{submission_id}")]

    def mails(self, submission_id: str) -> list[EmailMessage]:
        """The mails that went out about a submission, the owner's first."""
        caught = [file.read_bytes() for file in (self.stack.home.path / "mail").glob("[0-9]*.eml")]
        ours = [
            email.message_from_bytes(content, policy=email.policy.default)
            for content in caught
            if f"Message-ID: <{submission_id}.".encode() in content
        ]
        return sorted(ours, key=lambda mail: str(mail["Message-ID"]))

    async def found(self, query: str, **filters: Any) -> list[dict[str, Any]]:
        """What the owner finds."""
        answer = await self.ask(
            "POST",
            "/documents/search",
            json={"query": query, "filters": filters},
            headers={"Authorization": f"Bearer {self.stack.owner_key}"},
        )
        assert answer.status == 200, answer.text
        return list(answer.body["hits"])


def good(fields: Mapping[str, str] | None = None) -> dict[str, str]:
    """The fields of a form that is all right, but for `fields`."""
    return {"name": "Ada Lovelace", "email": "ada@visitor.example", "message": "Good morning.", **(fields or {})}


def fresh_key() -> str:
    """An idempotency key that nobody used before."""
    return token_hex(16)


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` gives as soon as it gives something."""
    until = time.monotonic() + LONGEST_WAIT_SECONDS
    while True:
        seen = await look()
        if seen:
            return seen
        assert time.monotonic() < until, "it never happened"
        await asyncio.sleep(0.1)


def operators_objects(stack: LocalStack) -> ObjectSettings:
    """The stack's bucket, with the operator's key."""
    return ObjectSettings(
        s3_endpoint_url=stack.address("object-store"),
        s3_region=REGION,
        s3_access_key=access_key("operator"),
        s3_secret_key=SecretStr(stack.secret("s3-operator")),
    )


@asynccontextmanager
async def visiting(stack: LocalStack) -> AsyncIterator[Visitor]:
    """A visitor of a running stack."""
    async with (
        object_store(operators_objects(stack)) as objects,
        # A connection for each request: the client would reuse one on which it gave up sending a refused body.
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=60)
        ) as http,
    ):
        yield Visitor(stack, http, objects)
