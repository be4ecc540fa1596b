"""Every document read again, with the extractor and the rules of now, and what that changed.

One document at a time, and messages in small groups: what arrives meanwhile finds a free worker.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from letterbox.operator import operators_objects
from letterbox.progress_bar import ProgressBar
from libs.events.catalogue import (
    MESSAGE,
    DocumentExtracted,
    DocumentFailed,
    DocumentStored,
    SubmissionStored,
    document_id,
)
from libs.events.connect import Nats
from libs.events.dead_letters import redrive
from libs.events.errors import InvalidEvent, Transient
from libs.events.journal import Entry, Journal
from libs.events.progress import passed
from libs.events.streams import INDEXER_EXTRACT, INDEXER_INDEX
from libs.objects.store import MissingObject, ObjectStore
from services.indexer import texts
from services.indexer.texts import KeptText

MESSAGES_AT_ONCE = 50
LOOK_SECONDS = 0.05
ANSWER_SECONDS = 600


@dataclass(slots=True)
class Changes:
    """What reading again changed."""

    read: int = 0
    unchanged: int = 0
    changes: dict[str, list[str]] = field(default_factory=dict)
    """From the id of each document that changed to what did."""


@dataclass(frozen=True, slots=True)
class _Again:
    """One document to read again, from its event."""

    entry: Entry
    durable: str
    submission_id: str
    number: str
    before: int
    """Generation of what is kept now."""
    after: int


async def extract_again(nc: Nats) -> Changes:
    """Read every message and document again. Raises Transient when NATS or the store is away."""
    journal, changes, messages = Journal(nc), Changes(), list[_Again]()
    last = (await journal.state()).last
    bar, run = ProgressBar("read ", last), f"extract-{time.time_ns():x}"
    async with operators_objects() as objects:
        async for entries in journal.walk(1, last):
            for entry in entries:
                one = await _again(journal, entry)
                if one is None:
                    continue
                if one.number == MESSAGE:
                    messages.append(one)
                else:
                    await _read([one], nc, objects, run, changes)
                if len(messages) >= MESSAGES_AT_ONCE:
                    await _read(messages, nc, objects, run, changes)
                    messages = []
            bar.at(entries[-1].sequence)
        await _read(messages, nc, objects, run, changes)
    bar.end()
    return changes


async def _again(journal: Journal, entry: Entry) -> _Again | None:
    if not entry.subject.startswith((f"{SubmissionStored.type}.", f"{DocumentStored.type}.")):
        return None
    try:
        event, _ = entry.open()
    except InvalidEvent:
        return None
    if isinstance(event, SubmissionStored):
        return _Again(entry, INDEXER_INDEX.name, event.submission_id, MESSAGE, 1, 1)
    if not isinstance(event, DocumentStored):
        return None
    place = f"{event.submission_id}.{event.number}.*"
    newest = await journal.newest(f"{DocumentExtracted.type}.{place}", f"{DocumentFailed.type}.{place}")
    if not newest:
        return None  # it has not been read for the first time yet
    body = event.model_copy(update={"generation": newest + 1}).model_dump_json().encode()
    again = replace(entry, body=body)
    return _Again(again, INDEXER_EXTRACT.name, event.submission_id, event.number, newest, newest + 1)


async def _read(again: Sequence[_Again], nc: Nats, objects: ObjectStore, run: str, changes: Changes) -> None:
    if not again:
        return
    before = [await _kept(objects, one, one.before) for one in again]
    sequence = 0
    for one in again:
        sequence = await redrive(nc, one.durable, one.entry, run)
    await handled(Journal(nc), again[0].durable, sequence)
    for one, old in zip(again, before, strict=True):
        new = await _kept(objects, one, one.after)
        changed = _changed(old, new)
        changes.read += 1
        changes.unchanged += not changed
        if changed:
            changes.changes[document_id(one.submission_id, one.number)] = changed


async def handled(journal: Journal, durable: str, sequence: int) -> None:
    """Wait until a durable has done all up to `sequence`. Raises Transient when it takes ANSWER_SECONDS."""
    until = time.monotonic() + ANSWER_SECONDS
    while await passed(journal, [durable]) < sequence:
        if time.monotonic() > until:
            raise Transient(durable, f"no answer within {ANSWER_SECONDS} s; is indexer running?")
        await asyncio.sleep(LOOK_SECONDS)


async def _kept(objects: ObjectStore, one: _Again, generation: int) -> KeptText | None:
    try:
        return await texts.load(objects, texts.text_key(one.submission_id, one.number, generation))
    except MissingObject:
        return None


def _changed(old: KeptText | None, new: KeptText | None) -> list[str]:
    """What differs, in words."""
    if old is None or new is None:
        return [] if old is new else ["can be read now" if old is None else "cannot be read any more"]
    fields = {"text": "pages", "title": "title", "language": "language", "type": "document_type", "tags": "tags"}
    return [name for name, attribute in fields.items() if getattr(old, attribute) != getattr(new, attribute)]
