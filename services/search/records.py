"""What PostgreSQL's record says of documents and submissions: SQL on the views that storage keeps for search."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from libs.events.catalogue import MESSAGE, document_id, parent_number
from libs.events.errors import Transient
from libs.postgres.pool import Pool, postgres_errors, statement

ANSWER_SECONDS = 1.0
"""PostgreSQL counts as away when it takes longer than this."""
CONNECT_SECONDS = 0.5
"""Also how long a connection that hangs may take to be given up after that."""
PAUSE_SECONDS = 2.0
"""Once it was away nobody asks it for so long; then one request tries, and the others do without until it answers."""

DOCUMENTS = """
select d.*, s.form, s.name, s.email, s.subject_line, s.metadata, s.held, s.created_at as submitted_at
from search_documents d join search_submissions s using (contact_id)
"""
BY_IDS = DOCUMENTS + "where d.document_id = any($1::text[])"
OF_SUBMISSION = DOCUMENTS + "where d.contact_id = $1 order by string_to_array(d.number, '-')::int[]"
HELD = """
select s.contact_id, s.form, s.name, s.subject_line, s.held, s.created_at
from search_submissions s left join search_decisions d using (contact_id)
where s.held is not null and d.decision is null order by s.created_at limit 500
"""
HELD_COUNT = """
select count(*) as held from search_submissions s
where s.held is not null and not exists (select from search_decisions d where d.contact_id = s.contact_id)
"""
RECENT = """
select s.contact_id, s.created_at,
    case
        when d.documents > d.settled then 'processing'
        when s.held is not null and c.decision is distinct from 'released' then coalesce(c.decision, 'held')
        when j.told < 2 then 'processing'
        when d.failed > 0 or j.owner_untold then 'partly failed'
        else 'done'
    end as status, d.documents - 1 as files
from (select * from search_submissions order by created_at desc limit $1) s
cross join lateral (
    select count(*) as documents, count(*) filter (where status in ('indexed', 'failed')) as settled,
        count(*) filter (where status = 'failed') as failed
    from search_documents where contact_id = s.contact_id) d
cross join lateral (
    select count(distinct target) filter (where type like 'notification.%') as told,
        coalesce(bool_or(type = 'notification.failed' and target = 'owner'), false) as owner_untold
    from search_journey where contact_id = s.contact_id) j
left join lateral (select decision from search_decisions where contact_id = s.contact_id) c on true
order by s.created_at desc
"""
RECENT_MOST = 10
ERASURE = "select * from search_erasures where contact_id = $1"
MESSAGE_TEXT = "select message from search_submissions where contact_id = $1"


@dataclass(frozen=True)
class Sender:
    """The submission a document came with, and who sent it."""

    contact_id: str
    form: str
    name: str
    email: str
    subject_line: str
    metadata: dict[str, str]
    held: str | None
    created_at: datetime


@dataclass(frozen=True)
class Document:
    """One document of the record, with its provenance."""

    document_id: str
    contact_id: str
    number: str
    filename: str
    content_type: str
    size: int
    sha256: str | None
    object_key: str | None
    document_type: str
    status: str
    reason: str | None
    tags: tuple[str, ...]
    language: str
    extractor: str
    ocr: bool
    pages: int
    characters: int
    generation: int
    created_at: datetime
    scan: str
    """What the virus scanner said; empty when none was asked."""
    preview_pages: int
    """Pages of which there are pictures."""
    quality: float | None
    text_key: str | None
    """Where the kept text is, with title, author, dates and what made its tags."""
    note: str
    """What of it was left out, and why."""
    preview_width: int
    preview_height: int
    """Of the first page's picture, in pixels."""
    sender: Sender

    @property
    def pictures(self) -> int:
        """Pages with a picture that may be shown: none of a file that can do harm."""
        return 0 if self.scan == "infected" else self.preview_pages

    @property
    def is_message(self) -> bool:
        """Whether this is the submission's message itself, which has no file."""
        return self.number == MESSAGE

    @property
    def found_in(self) -> str | None:
        """The id of the document that this one was found in; None for what was sent."""
        parent = parent_number(self.number)
        return document_id(self.contact_id, parent) if parent is not None else None

    @property
    def is_infected(self) -> bool:
        """Whether the newest scan found something in it."""
        return self.scan == "infected"

    @property
    def waits(self) -> bool:
        """Whether it is a file that has been neither read nor scanned yet."""
        return self.status == "stored" and not self.scan and not self.is_message


class Records:
    """The record, asked with little patience: a search must not wait for a database that is away."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._ask_again_at: float | None = None

    async def documents(self, ids: Sequence[str]) -> dict[str, Document]:
        """The documents with these ids, as far as they exist. Raises Transient when PostgreSQL is away."""
        if not ids:
            return {}
        return {row["document_id"]: _document(row) for row in await self._fetch("documents", BY_IDS, list(ids))}

    async def document(self, document_id: str) -> Document | None:
        """One document, or None when there is no such. Raises Transient when PostgreSQL is away."""
        return (await self.documents([document_id])).get(document_id)

    async def of_submission(self, contact_id: str) -> list[Document]:
        """All documents of a submission, the message first. Raises Transient when PostgreSQL is away."""
        return [_document(row) for row in await self._fetch("submission", OF_SUBMISSION, contact_id)]

    async def message(self, contact_id: str) -> str | None:
        """What the visitor wrote, or None when there is no such submission. Raises Transient as above."""
        rows = await self._fetch("message", MESSAGE_TEXT, contact_id)
        return str(rows[0]["message"]) if rows else None

    async def held(self) -> list[dict[str, Any]]:
        """Submissions that wait for a decision, oldest first. Raises Transient when PostgreSQL is away."""
        return [dict(row) for row in await self._fetch("held", HELD)]

    async def held_count(self) -> int:
        """How many submissions wait for a decision. Raises Transient when PostgreSQL is away."""
        return int((await self._fetch("held count", HELD_COUNT))[0]["held"])

    async def recent(self) -> list[dict[str, Any]]:
        """The last submissions, newest first: id, time, files and where each is, in the journey's words; nothing of
        who sent it. Raises Transient when PostgreSQL is away.
        """
        return [dict(row) for row in await self._fetch("recent", RECENT, RECENT_MOST)]

    async def erasure(self, contact_id: str) -> dict[str, Any] | None:
        """The receipt of an erasure; None when none is known. Raises Transient when PostgreSQL is away."""
        rows = await self._fetch("erasure", ERASURE, contact_id)
        if not rows:
            return None
        row = rows[0]
        removed = {owner: counts for owner, counts in row["done"].items() if owner != "mails"}
        return {
            "id": contact_id,
            "reason": row["reason"],
            "requested_at": row["requested_at"].isoformat(),
            "final": row["final_at"] is not None,
            "removed": removed,
            "mails_that_went_out": row["done"].get("mails", []),
            "backups": "Backups made before the erasure hold it until they expire; a restore erases it again.",
        }

    async def _fetch(self, name: str, sql: str, *parameters: object) -> list[asyncpg.Record]:
        if self._ask_again_at is not None:
            if time.monotonic() < self._ask_again_at:
                raise Transient("postgres", "was away a moment ago")
            self._ask_again_at = time.monotonic() + PAUSE_SECONDS
        try:
            with postgres_errors(), statement(name):
                async with asyncio.timeout(ANSWER_SECONDS), self._pool.acquire(timeout=CONNECT_SECONDS) as connection:
                    rows = await connection.fetch(sql, *parameters)
        except Transient:
            self._ask_again_at = time.monotonic() + PAUSE_SECONDS
            raise
        self._ask_again_at = None
        return rows


def _document(row: asyncpg.Record) -> Document:
    fields: dict[str, Any] = dict(row)
    sender = Sender(
        contact_id=fields["contact_id"],
        created_at=fields.pop("submitted_at"),
        **{name: fields.pop(name) for name in ("form", "name", "email", "subject_line", "metadata", "held")},
    )
    return Document(**{**fields, "tags": tuple(fields["tags"] or ())}, sender=sender)
