"""What indexer does: from a stored document to one that is found."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from libs.events.catalogue import (
    MESSAGE,
    DocumentExtracted,
    DocumentFailed,
    DocumentIndexed,
    DocumentStored,
    DocumentTagged,
    ErasureBegun,
    ErasureDone,
    Event,
    SubmissionCreated,
    SubmissionStored,
)
from libs.events.delivery import Answers, Received
from libs.events.errors import Transient
from libs.events.history import History
from libs.index.protocol import IndexedDocument, Unavailable
from libs.objects import previews
from libs.objects.families import family
from libs.objects.store import MissingObject, ObjectStore
from services.indexer import documents, found, metrics, tagging, texts
from services.indexer.active_rules import Active, ActiveRules
from services.indexer.antivirus import NOT_SCANNED, Antivirus, infected
from services.indexer.found import File, Reach
from services.indexer.indexes import Indexes
from services.indexer.sandbox import Limits, Sandbox, SandboxFailed, Unreadable
from services.indexer.texts import KeptText

log = logging.getLogger(__name__)

READ_AT_ONCE = 48
"""Texts and submissions read at once for one batch; bounds connections and memory."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    history: History
    objects: ObjectStore
    index: Indexes
    sandbox: Sandbox
    limits: Limits
    rules: ActiveRules
    reach: Reach = field(default_factory=Reach)
    antivirus: Antivirus | None = None
    """None when files are not scanned."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A document that must not be in the index."""

    document_id: str


Document = KeptText | IndexedDocument | Quarantined
"""What the index is told of one document."""
Read = Callable[[Event], Awaitable[Document | None]]
MessageFrom = Callable[[SubmissionCreated], Awaitable[KeptText]]
Settle = Callable[[KeptText], Awaitable[KeptText]]


async def extract(event: DocumentStored, parts: Parts) -> Sequence[Event]:
    """Read the document's text once, in the sandbox, and keep it beside the original; files in it become documents.

    An infected one is not read.
    """
    submission = await _submission(event.submission_id, parts)
    file = await _file(submission, event.number, parts)
    content = await parts.objects.read(event.object_key, most=event.size)
    scan = await parts.antivirus.scan(event.document_id, content) if parts.antivirus else NOT_SCANNED
    sort = family(event.content_type)
    if scan.outcome == "infected":
        metrics.unread(sort, "infected")
        log.warning("infected document", extra={"document_id": event.document_id, "family": sort})
        return [documents.failed(event, infected(scan.signature), scan)]
    try:
        with metrics.reading(sort):
            extracted = await parts.sandbox.read(content, event.content_type, parts.limits)
    except Unreadable as fault:  # the document's fault: final, with words for people
        metrics.unread(sort, fault.reason)
        log.info("document not read", extra={"document_id": event.document_id, "family": sort, "reason": fault.reason})
        return [documents.failed(event, fault, scan)]
    except SandboxFailed as error:
        raise Transient("sandbox", str(error)) from error
    metrics.EXTRACTIONS.labels(sort, "read by ocr" if extracted.ocr else "read").inc()
    log.info("document read", extra={"document_id": event.document_id, "family": sort, "ocr": extracted.ocr})
    contents = await found.keep(event, extracted, file.room, parts.history, parts.objects, parts.reach)
    text = documents.kept(event, submission, file.filename, extracted, contents)
    text = await _with_tags(text, documents.extracted(text, contents, scan), parts, await parts.rules.current())
    await texts.keep(parts.objects, text)
    return [*contents.found, documents.extracted(text, contents, scan)]


async def index(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Make a batch of messages and documents searchable with one write.

    What was tagged with other rules than those that count now is tagged anew, which `document.tagged` tells.
    """
    active = await parts.rules.current()
    entries = await _written(received, parts, active, partial(_settled, parts=parts, active=active))
    _count_new(received, entries)
    return _told(received, entries)


async def index_again(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write a batch into the index again with the tags it has: a replay without effects could not tell of others."""
    return _told(received, await _written(received, parts, await parts.rules.current(), _as_it_is))


async def rebuild(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write a batch into the next index, from the kept texts and the messages in the stream."""
    active = await parts.rules.current()
    read = partial(_document, parts=parts, message=partial(_message_again, parts=parts, active=active))
    entries = {} if active.revision else _messages(received, active)
    left = [place for place in range(len(received)) if place not in entries]
    entries.update(zip(left, await _documents([received[place] for place in left], read), strict=True))
    await _write(parts.index.write_next, [entries[place] for place in range(len(received))])
    return [()] * len(received)


async def erase(event: ErasureBegun, parts: Parts) -> Sequence[Event]:
    """Remove the submission from the index, texts and pictures of its documents, and what was found inside them."""
    removed = await forget(event.submission_id, parts)
    return [ErasureDone(submission_id=event.submission_id, owner="indexer", removed=removed)]


async def forget(submission_id: str, parts: Parts) -> dict[str, int]:
    """Erase what the index and indexer's objects hold of a submission; returns how much that was."""
    try:
        entries = await parts.index.delete_submission(submission_id)
    except Unavailable as error:
        raise Transient("index", str(error)) from error
    return {
        "index entries": entries,
        "texts": await parts.objects.erase(texts.prefix(submission_id)),
        "found files": await parts.objects.erase(found.prefix_of(submission_id)),
        "previews": await parts.objects.erase(previews.prefix(submission_id)),
    }


async def _submission(submission_id: str, parts: Parts) -> SubmissionCreated:
    submission = await parts.history.submission(submission_id)
    if submission is None:
        raise LookupError(f"submission {submission_id} is not in the stream any more")
    return submission


async def _file(submission: SubmissionCreated, number: str, parts: Parts) -> File:
    return await found.file_of(submission, number, parts.history, parts.objects, parts.reach)


async def _written(
    received: Sequence[Received[Event]], parts: Parts, active: Active, settle: Settle
) -> list[Document | None]:
    """Write what the index gets for each event."""
    message = partial(_message_once, parts=parts, active=active)

    async def read(event: Event) -> Document | None:
        document = await _document(event, parts, message)
        return await settle(document) if isinstance(document, KeptText) else document

    entries = await _documents(received, read)
    await _write(parts.index.write, entries)
    return entries


def _told(received: Sequence[Received[Event]], entries: Sequence[Document | None]) -> Answers:
    return [_indexed(one.event, entry) for one, entry in zip(received, entries, strict=True)]


def _count_new(received: Sequence[Received[Event]], entries: Sequence[Document | None]) -> None:
    """How long it took until what can be found for the first time could be."""
    sent: dict[str, list[datetime]] = {"message": [], "file": []}
    for one, entry in zip(received, entries, strict=True):
        if one.redriven or isinstance(entry, Quarantined | None):
            continue
        again = isinstance(one.event, DocumentExtracted | DocumentFailed) and one.event.generation > 1
        if not again:
            sent["message" if isinstance(one.event, SubmissionStored) else "file"].append(entry.created_at)
    for kind, times in sent.items():
        metrics.searchable(kind, times)


async def _documents(received: Sequence[Received[Event]], read: Read) -> list[Document | None]:
    """What the index gets for each event of a batch."""
    slots = asyncio.Semaphore(READ_AT_ONCE)

    async def slowly(event: Event) -> Document | None:
        async with slots:
            return await read(event)

    return await asyncio.gather(*(slowly(one.event) for one in received))


async def _document(event: Event, parts: Parts, message: MessageFrom) -> Document | None:
    """None when the document has been read again since: an old event never hides what is newer."""
    if isinstance(event, SubmissionCreated):
        return await message(event)
    if isinstance(event, DocumentExtracted | DocumentFailed) and await read_again(event, parts):
        return None
    if isinstance(event, DocumentExtracted):
        return await texts.load(parts.objects, event.text_key)
    if isinstance(event, DocumentFailed) and event.scan == "infected":
        return Quarantined(event.document_id)
    submission = await _submission(event.submission_id, parts)
    if isinstance(event, DocumentFailed):
        return documents.unread(event, submission, await _file(submission, event.number, parts))
    return await message(submission)


async def _message_once(submission: SubmissionCreated, parts: Parts, active: Active) -> KeptText:
    """The message, kept with its tags."""
    told = DocumentIndexed(submission_id=submission.submission_id, number=MESSAGE)
    text = await _with_tags(documents.message(submission), told, parts, active)
    await texts.keep(parts.objects, text)
    return text


async def _with_tags(text: KeptText, told: Event, parts: Parts, active: Active) -> KeptText:
    """`text` with its tags: if `told` was published before, those it has, otherwise what the rules say."""
    if await parts.history.read(told.subject) is None:
        return tagging.tagged(text, active)
    with suppress(MissingObject):
        return tagging.again(text, await texts.load(parts.objects, text.key))
    text = tagging.tagged(text, active)
    changed = await _changed(text, parts)
    return text if changed is None else tagging.as_told(text, changed)


async def _changed(text: KeptText, parts: Parts) -> DocumentTagged | None:
    """The newest change of its tags."""
    # A subject with a wildcard asks for the last message of all that match it (ADR-31).
    subject = f"{DocumentTagged.type}.{text.submission_id}.{text.number}.{text.generation}.*"
    stored = await parts.history.read(subject)
    return stored.event if stored is not None and isinstance(stored.event, DocumentTagged) else None


def _messages(received: Sequence[Received[Event]], active: Active) -> dict[int, Document | None]:
    """The messages among a batch, by their place in it, made again: nothing has to be read for them."""
    found = [(place, one.event) for place, one in enumerate(received) if isinstance(one.event, SubmissionCreated)]
    return {place: tagging.tagged(documents.message(event), active) for place, event in found}


async def _message_again(submission: SubmissionCreated, parts: Parts, active: Active) -> KeptText:
    """The message for the next index: made again, which is faster than reading it, with its tags."""
    text = tagging.tagged(documents.message(submission), active)
    changed = await _changed(text, parts) if active.revision else None
    return text if changed is None else tagging.as_told(text, changed)


async def _settled(text: KeptText, parts: Parts, active: Active) -> KeptText:
    """The text with the tags that the rules that count give it."""
    if not tagging.is_outdated(text, active):
        return text
    if not tagging.is_complete(text):
        text = tagging.completed(text, await _submission(text.submission_id, parts))
    changed = tagging.anew(text, active)
    if changed is None:
        return text
    await texts.keep(parts.objects, changed)
    return changed


async def _as_it_is(text: KeptText) -> KeptText:
    return text


async def read_again(event: DocumentExtracted | DocumentFailed, parts: Parts) -> bool:
    """Whether the document has been read again since."""
    following = f"{event.submission_id}.{event.number}.{event.generation + 1}"
    kinds = (DocumentExtracted, DocumentFailed)
    return any(await asyncio.gather(*(parts.history.read(f"{kind.type}.{following}") for kind in kinds)))


async def _write(
    write: Callable[[Sequence[IndexedDocument], Sequence[str]], Awaitable[None]], entries: Sequence[Document | None]
) -> None:
    gone = [one.document_id for one in entries if isinstance(one, Quarantined)]
    present = [one.indexed() if isinstance(one, KeptText) else one for one in entries]
    try:
        await write([one for one in present if isinstance(one, IndexedDocument)], gone)
    except Unavailable as error:
        raise Transient("index", str(error)) from error


def _indexed(event: Event, entry: Document | None) -> Sequence[Event]:
    """What is told of a document that can be found now. A change of its tags is told again: that is the same event."""
    text = entry if isinstance(entry, KeptText) else None
    if isinstance(event, DocumentExtracted):
        indexed = DocumentIndexed(submission_id=event.submission_id, number=event.number, generation=event.generation)
    elif isinstance(event, SubmissionStored) and text is not None:
        indexed = documents.message_indexed(text)
    else:
        return []
    return [indexed, documents.tagged(text)] if text is not None and text.revision else [indexed]
