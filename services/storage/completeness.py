"""What a submission must have by now, from what the record has of it: what is missing, and which durable owes it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import asyncpg

from libs.events.catalogue import (
    MESSAGE,
    DocumentExtracted,
    DocumentFailed,
    DocumentFound,
    DocumentIndexed,
    DocumentPreviewed,
    DocumentStored,
    NotificationFailed,
    NotificationSent,
    SubmissionCreated,
    SubmissionReleased,
    SubmissionStored,
    document_id,
    parent_number,
)
from libs.events.journal import Entry
from libs.events.streams import (
    INDEXER_EXTRACT,
    INDEXER_INDEX,
    INDEXER_PREVIEW,
    NOTIFIER_MAIL,
    STORAGE_JOURNEY,
    STORAGE_RECORD,
    Durable,
)

TARGETS = ("owner", "sender")
SENDING_SECONDS = 600
"""A mail that is being sent for longer than this is stuck."""

Kind = Literal["missing", "orphaned", "duplicated", "stuck"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it must be."""

    kind: Kind
    store: str
    submission_id: str
    what: str
    owes: str = ""
    """The durable that makes it again, when it is handed `subject`."""
    subject: str = ""
    """With `*` for its last token, the newest generation is meant."""
    age_seconds: float = 0.0


Lack = tuple[Finding, Durable | None, int]
"""What is missing, who owes it, and the sequence of the event that it must follow from."""


@dataclass(slots=True)
class Known:
    """What the record has of one submission."""

    row: asyncpg.Record | None = None
    documents: dict[str, asyncpg.Record] = field(default_factory=dict)
    mails: dict[str, asyncpg.Record] = field(default_factory=dict)
    steps: dict[tuple[str, str], int] = field(default_factory=dict)
    """(type, document or target) of each event that happened, with its sequence."""
    since: datetime | None = None
    found: set[str] = field(default_factory=set)
    """Numbers of the documents that were found inside others, whoever says so."""

    def take_step(self, row: asyncpg.Record) -> None:
        """An event of the journey."""
        if row["type"] == DocumentFound.type:
            self.found.add(row["document_id"].partition("-")[2])
        self.steps.setdefault((row["type"], row["document_id"] or row["target"] or ""), row["sequence"])
        self.since = self.since or row["time"]

    def take_row(self, row: asyncpg.Record) -> None:
        """The submission's row, joined with one of its documents."""
        self.row = row
        self.since = self.since or row["created_at"]
        if row["id"] is not None:
            self.documents[row["number"]] = row
            self.found.update(row["found"] or ())
            if parent_number(row["number"]) is not None:
                self.found.add(row["number"])

    def begins(self, entry: Entry | None) -> int:
        """The sequence of its first event that is known."""
        return entry.sequence if entry is not None else min(self.steps.values(), default=0)

    def age(self, entry: Entry | None) -> float:
        """Seconds since it was accepted."""
        since = entry.time if entry is not None else self.since
        return max(0.0, time.time() - since.timestamp()) if since is not None else 0.0

    def lacking(self, sid: str, event: SubmissionCreated | None, entry: Entry | None) -> Iterator[Lack]:
        """What it must have and has not."""
        origin = entry.sequence if entry is not None else 0
        created = f"{SubmissionCreated.type}.{sid}"
        if self.row is None:
            yield (
                Finding("missing", "postgres", sid, "contact_submissions row", subject=created),
                STORAGE_RECORD,
                origin,
            )
        numbers = [MESSAGE, *(a.number for a in event.attachments)] if event is not None else sorted(self.documents)
        numbers = [number for number in numbers if number not in self.found]
        for number in numbers:
            if number not in self.documents and self.row is not None:
                yield (
                    Finding("missing", "postgres", sid, f"documents row {number}", subject=created),
                    STORAGE_RECORD,
                    origin,
                )
        stored = self.steps.get((SubmissionStored.type, ""))
        if stored is None:
            yield Finding("missing", "stream", sid, SubmissionStored.type, subject=created), STORAGE_RECORD, origin
        else:
            yield from self._reading(sid, MESSAGE, stored)
            yield from self._telling(sid, event, stored)
        for number in numbers:
            if number != MESSAGE:
                yield from self._document(sid, number, f"{SubmissionCreated.type}.{sid}", origin)
        for number in sorted(self.found):
            yield from self._found(sid, number)

    def _found(self, sid: str, number: str) -> Iterator[Lack]:
        """Whether a document found inside another was told of, recorded and read."""
        found = self.steps.get((DocumentFound.type, document_id(sid, number)))
        if found is None:
            parent = parent_number(number)
            subject = f"{DocumentStored.type}.{sid}.{parent}"
            lack = Finding("missing", "stream", sid, f"{DocumentFound.type} {number}", subject=subject)
            yield lack, INDEXER_EXTRACT, self.steps.get((DocumentStored.type, document_id(sid, str(parent))), 0)
            return
        subject = f"{DocumentFound.type}.{sid}.{number}"
        if number not in self.documents:
            yield Finding("missing", "postgres", sid, f"documents row {number}", subject=subject), STORAGE_RECORD, found
        yield from self._document(sid, number, subject, found)

    def _document(self, sid: str, number: str, subject: str, origin: int) -> Iterator[Lack]:
        """Whether the document that the event on `subject` tells of was handed on, read and indexed."""
        document = document_id(sid, number)
        stored = self.steps.get((DocumentStored.type, document))
        if stored is None:
            lack = Finding("missing", "stream", sid, f"{DocumentStored.type} {number}", subject=subject)
            yield lack, STORAGE_RECORD, origin
            return
        read = self.steps.get((DocumentExtracted.type, document)) or self.steps.get((DocumentFailed.type, document))
        if read is None:
            subject = f"{DocumentStored.type}.{sid}.{number}"
            lack = Finding("missing", "stream", sid, f"{DocumentExtracted.type} {number}", subject=subject)
            yield lack, INDEXER_EXTRACT, stored
            return
        yield from self._reading(sid, number, read)
        yield from self._drawing(sid, number, read)

    def _drawing(self, sid: str, number: str, read: int) -> Iterator[Lack]:
        """Whether its pictures were made, or it was found that none can be; and its state says so."""
        document = document_id(sid, number)
        drawn = self.steps.get((DocumentPreviewed.type, document))
        if drawn is not None:
            if number in self.documents and not self.documents[number]["preview_generation"]:
                subject = f"{DocumentPreviewed.type}.{sid}.{number}.*"
                lack = Finding("missing", "postgres", sid, f"preview in document_states row {number}", subject=subject)
                yield lack, STORAGE_JOURNEY, drawn
            return
        kinds = (DocumentExtracted.type, DocumentFailed.type)
        newest = max(kinds, key=lambda kind: self.steps.get((kind, document), 0))
        subject = f"{newest}.{sid}.{number}.*"
        lack = Finding("missing", "stream", sid, f"{DocumentPreviewed.type} {number}", subject=subject)
        yield lack, INDEXER_PREVIEW, read

    def _reading(self, sid: str, number: str, cause: int) -> Iterator[Lack]:
        """Whether it was indexed, and its state says so."""
        document = document_id(sid, number)
        failed = (DocumentFailed.type, document) in self.steps
        indexed = self.steps.get((DocumentIndexed.type, document))
        if indexed is None and not failed:
            kind = (
                f"{SubmissionStored.type}.{sid}" if number == MESSAGE else f"{DocumentExtracted.type}.{sid}.{number}.1"
            )
            lack = Finding("missing", "stream", sid, f"{DocumentIndexed.type} {number}", subject=kind)
            yield lack, INDEXER_INDEX, cause
            return
        status = self.documents[number]["status"] if number in self.documents else None
        if number in self.documents and status not in ("indexed", "failed"):
            kind = DocumentFailed.type if failed else DocumentIndexed.type
            subject = f"{kind}.{sid}.{number}.*"
            lack = Finding("missing", "postgres", sid, f"document_states row {number}", subject=subject)
            yield lack, STORAGE_JOURNEY, indexed or cause

    def _telling(self, sid: str, event: SubmissionCreated | None, stored: int) -> Iterator[Lack]:
        """Whether the mails that had to go out did, and the mails' ledger knows it."""
        held = event.held if event is not None else self.row["held"] if self.row is not None else None
        released = self.steps.get((SubmissionReleased.type, ""))
        if held is not None and released is None:
            return
        cause = stored if held is None else released or stored
        subject = f"{SubmissionStored.type if held is None else SubmissionReleased.type}.{sid}"
        for target in TARGETS:
            sent = (NotificationSent.type, target) in self.steps
            row = self.mails.get(target)
            if not sent and (NotificationFailed.type, target) not in self.steps:
                lack = Finding("missing", "stream", sid, f"notification {target}", subject=subject)
                yield lack, NOTIFIER_MAIL, cause
            elif sent and row is None:
                yield (
                    Finding("missing", "mail ledger", sid, f"sent_mails row {target}", subject=subject),
                    NOTIFIER_MAIL,
                    cause,
                )
            if row is not None and row["state"] == "sending":
                age = (datetime.now(UTC) - row["started_at"]).total_seconds()
                if age > SENDING_SECONDS:
                    yield Finding("stuck", "mail ledger", sid, f"sending {target}", age_seconds=age), None, 0
