"""A running search over real servers, with a way to fill them as the other services would."""

import asyncio
import hashlib
import json
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import SecretStr

from libs.events.catalogue import (
    Attachment,
    DocumentExtracted,
    DocumentFailed,
    DocumentIndexed,
    DocumentPreviewed,
    Event,
    ScanOutcome,
    SubmissionCreated,
    document_id,
)
from libs.events.delivery import Received
from libs.index.protocol import IndexedDocument
from libs.index.tantivy import TantivyIndex
from libs.objects import previews
from libs.service.health import Health
from services.search.__main__ import start
from services.search.settings import Settings
from services.storage import journey, records
from tests.support.ports import free_port
from tests.support.relay import Relay, relaying
from tests.support.search_servers import Servers

KEY = "lbx_the-owners-own-key"
WHEN = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


@dataclass(frozen=True)
class File:
    """A file that a visitor sent, and what became of it."""

    filename: str
    content: bytes = b"%PDF-1.7"
    text: str = ""
    content_type: str = "application/pdf"
    document_type: str = "document"
    tags: tuple[str, ...] = ()
    language: str = "en"
    failed: str | None = None
    scan: ScanOutcome = ""
    pictures: tuple[bytes, ...] = ()
    """The thumbnail, then the pages."""
    page_ends: tuple[int, ...] = ()


@dataclass
class Door:
    """The owner's door at `url`, what it stands on, and who knocks."""

    url: str
    health: Health
    servers: Servers
    postgres: Relay
    s3: Relay
    index: TantivyIndex
    keys_file: Path
    owner: aiohttp.ClientSession
    stranger: aiohttp.ClientSession
    _sequence: int = field(default=0)

    async def submit(
        self,
        *files: File,
        message: str = "Hello",
        name: str = "Ada",
        subject: str = "",
        when: datetime = WHEN,
        **more: Any,
    ) -> str:
        """A submission that went all the way through storage and indexer; returns its id."""
        sid = secrets.token_hex(16)
        attachments = [
            Attachment(
                number=str(n),
                object_key=f"originals/{sid}/1/{n}",
                filename=file.filename,
                content_type=file.content_type,
                size=len(file.content),
                sha256=hashlib.sha256(file.content).hexdigest(),
            )
            for n, file in enumerate(files, 1)
        ]
        created = SubmissionCreated(
            submission_id=sid,
            form="contact",
            created_at=when,
            name=name,
            email="ada@example.net",
            subject_line=subject,
            message=message,
            attachments=tuple(attachments),
            **more,
        )
        for attachment, file in zip(attachments, files, strict=True):
            await self.servers.objects.put(attachment.object_key, file.content, file.content_type)
            keys = previews.keys(sid, attachment.number, max(0, len(file.pictures) - 1))
            for key, picture in zip(keys, file.pictures, strict=True):
                await self.servers.objects.put(key, picture, previews.CONTENT_TYPE)
        await records.insert(self.servers.pool, [self._received(created)], {})
        await journey.write(self.servers.pool, [self._received(event) for event in _readings(created, files)])
        await self.index.write(_indexed(created, files))
        return sid

    def _received(self, event: Any) -> Received[Any]:
        self._sequence += 1
        return Received(event, event.subject, self._sequence, WHEN, 1)

    async def forget(self, contact_id: str) -> None:
        """Remove a submission from the record alone."""
        await self.servers.pool.execute("delete from contact_submissions where id = $1", contact_id)

    async def search(self, query: str = "", **more: Any) -> dict[str, Any]:
        """The answer to `POST /documents/search`."""
        async with self.owner.post("/documents/search", json={"query": query, **more}) as response:
            assert response.status == 200, await response.text()
            return dict(await response.json())

    async def found(self, query: str = "", **more: Any) -> list[str]:
        """The file names that are found, in order."""
        return [hit["filename"] for hit in (await self.search(query, **more))["hits"]]


def _readings(created: SubmissionCreated, files: tuple[File, ...]) -> list[Event]:
    events: list[Event] = [DocumentIndexed(submission_id=created.submission_id, number="0")]
    for n, file in enumerate(files, 1):
        ids = {"submission_id": created.submission_id, "number": str(n)}
        if file.pictures:
            events.append(DocumentPreviewed(**ids, pages=len(file.pictures) - 1, width=990, height=1400))
        if file.failed:
            events.append(DocumentFailed(**ids, reason="broken", message=file.failed, scan=file.scan))
            continue
        events.append(
            DocumentExtracted(
                **ids,
                text_key=f"text/{created.submission_id}/{n}",
                characters=len(file.text),
                pages=2,
                language=file.language,
                document_type=file.document_type,
                tags=file.tags,
                extractor="reader 1.0",
                scan=file.scan,
            )
        )
        events.append(DocumentIndexed(**ids))
    return events


def _indexed(created: SubmissionCreated, files: tuple[File, ...]) -> list[IndexedDocument]:
    message = File("message", created.message.encode(), created.message, document_type="message", language="")
    return [
        IndexedDocument(
            document_id=document_id(created.submission_id, str(n)),
            contact_id=created.submission_id,
            filename=file.filename,
            title=created.subject_line,
            text=file.text,
            contact_name=created.name,
            document_type=file.document_type,
            tags=file.tags,
            language=file.language,
            status="indexed",
            created_at=created.created_at,
            size=len(file.content),
            page_ends=file.page_ends,
        )
        for n, file in enumerate((message, *files))
        if not file.failed
    ]


def write_keys(path: Path, **keys: str) -> None:
    """A keys file that knows `keys`, put in place at once."""
    entries = [{"id": name, "sha256": hashlib.sha256(key.encode()).hexdigest()} for name, key in keys.items()]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": entries}))
    fresh.replace(path)


@asynccontextmanager
async def opened(servers: Servers, home: Path, **settings: Any) -> AsyncIterator[Door]:
    """Search, started as its process starts it, with empty index and record in front of `servers`."""
    await servers.pool.execute("truncate contact_submissions, documents, document_states, journey")
    keys_file, port = home / "keys.json", free_port()
    write_keys(keys_file, owner=KEY)
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(relaying("127.0.0.1", servers.postgres_port))
        s3 = await stack.enter_async_context(relaying("127.0.0.1", servers.s3_port))
        index = TantivyIndex(home / "index", writer=True)
        stack.push_async_callback(index.close)
        configured = Settings(
            **{
                **servers.objects_as("search", s3.port).model_dump(),
                **servers.postgres_as("search", postgres.port).model_dump(),
                "nats_url": "nats://127.0.0.1:1",  # nobody there: search answers without the stream
                "nats_user": "search",
                "nats_password": SecretStr("none"),
                "ops_port": 0,
                "http_port": port,
                "index_path": home / "index",
                "keys_file": keys_file,
                "session_secret": SecretStr(secrets.token_hex(32)),
                **settings,
            }
        )
        health, url = Health(), f"http://127.0.0.1:{port}"
        await stack.enter_async_context(start(configured, health))
        health.started()
        bearer = {"Authorization": f"Bearer {KEY}"}
        owner = await stack.enter_async_context(aiohttp.ClientSession(url, headers=bearer))
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an address that is a number
        stranger = await stack.enter_async_context(aiohttp.ClientSession(url, cookie_jar=jar))
        yield Door(url, health, servers, postgres, s3, index, keys_file, owner, stranger)


class Heard(logging.Handler):
    """What was written to a log while it listens."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self._log = logging.getLogger(name)

    def __enter__(self) -> "Heard":
        self._level = self._log.level
        self._log.setLevel(logging.INFO)
        self._log.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._log.removeHandler(self)
        self._log.setLevel(self._level)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record."""
        self.records.append(record)

    def told(self, *fields: str) -> list[tuple[Any, ...]]:
        """These fields of every record."""
        return [tuple(getattr(record, name, None) for name in fields) for record in self.records]


async def until_not_degraded(door: Door) -> dict[str, Any]:
    """The first answer that PostgreSQL took part in again."""
    async with asyncio.timeout(30):
        while True:
            answer = await door.search()
            if not answer.get("degraded"):
                return answer
            await asyncio.sleep(0.1)
