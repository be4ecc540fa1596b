"""What indexer does: from a stored document to one that is found."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath

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
    document_id,
)
from libs.events.consume import Answers
from libs.events.delivery import Received
from libs.events.errors import Transient
from libs.events.history import History
from libs.index.protocol import IndexedDocument, Unavailable
from libs.objects.store import MissingObject, ObjectStore
from services.indexer import tagging, texts
from services.indexer.active_rules import Active, ActiveRules
from services.indexer.indexes import Indexes
from services.indexer.language import detect
from services.indexer.sandbox import Extracted, Limits, Sandbox, SandboxFailed, Unreadable
from services.indexer.texts import KeptText

log = logging.getLogger(__name__)

JUDGED_CHARACTERS = 300
"""How much of a message tells its language."""
READ_AT_ONCE = 48
"""Texts and submissions read at once for one batch; bounds connections and memory."""
FIRST = 1
"""The generation of a message: it is what it is, and never read again."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    history: History
    objects: ObjectStore
    index: Indexes
    sandbox: Sandbox
    limits: Limits
    rules: ActiveRules


Document = KeptText | IndexedDocument
Read = Callable[[Event], Awaitable[Document | None]]
MessageFrom = Callable[[SubmissionCreated], Awaitable[KeptText]]
Settle = Callable[[KeptText], Awaitable[KeptText]]


async def extract(event: DocumentStored, parts: Parts) -> Sequence[Event]:
    """Read the document's text once, in the sandbox, and keep it beside the original."""
    submission = await _submission(event.submission_id, parts)
    attachment = next(a for a in submission.attachments if a.number == event.number)
    content = await parts.objects.read(event.object_key, most=event.size)
    try:
        extracted = await parts.sandbox.read(content, event.content_type, parts.limits)
    except Unreadable as fault:  # the document's fault: final, with words for people
        return [_failed(event, fault)]
    except SandboxFailed as error:
        raise Transient("sandbox", str(error)) from error
    text = _kept(event, submission, attachment.filename, extracted)
    text = await _with_tags(text, _extracted(text, text.key), parts, await parts.rules.current())
    key = await texts.keep(parts.objects, text)
    return [_extracted(text, key)]


async def index(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Make a batch of messages and documents searchable with one write.

    What was tagged with other rules than those that count now is tagged anew, which `document.tagged` tells.
    """
    active = await parts.rules.current()
    return await _index(received, parts, active, partial(_settled, parts=parts, active=active))


async def index_again(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write a batch into the index again with the tags it has: a replay without effects could not tell of others."""
    return await _index(received, parts, await parts.rules.current(), _as_it_is)


async def rebuild(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write a batch into the next index, from the kept texts and the messages in the stream."""
    message = partial(_message_again, parts=parts, active=await parts.rules.current())
    documents = await _documents(received, partial(_document, parts=parts, message=message))
    await _write(parts.index.write_next, documents)
    return [()] * len(received)


async def erase(event: ErasureBegun, parts: Parts) -> Sequence[Event]:
    """Remove the submission from the index, and the texts of its documents."""
    removed = await forget(event.submission_id, parts)
    return [ErasureDone(submission_id=event.submission_id, owner="indexer", removed=removed)]


async def forget(submission_id: str, parts: Parts) -> dict[str, int]:
    """Erase what the index and the kept texts hold of a submission; returns how much that was."""
    try:
        entries = await parts.index.delete_submission(submission_id)
    except Unavailable as error:
        raise Transient("index", str(error)) from error
    return {"index entries": entries, "texts": await parts.objects.erase(texts.prefix(submission_id))}


async def _submission(submission_id: str, parts: Parts) -> SubmissionCreated:
    submission = await parts.history.submission(submission_id)
    if submission is None:
        raise LookupError(f"submission {submission_id} is not in the stream any more")
    return submission


async def _index(received: Sequence[Received[Event]], parts: Parts, active: Active, settle: Settle) -> Answers:
    message = partial(_message_once, parts=parts, active=active)

    async def read(event: Event) -> Document | None:
        document = await _document(event, parts, message)
        return await settle(document) if isinstance(document, KeptText) else document

    documents = await _documents(received, read)
    await _write(parts.index.write, documents)
    return [_indexed(one.event, document) for one, document in zip(received, documents, strict=True)]


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
    if isinstance(event, DocumentExtracted | DocumentFailed) and await _read_again(event, parts):
        return None
    if isinstance(event, DocumentExtracted):
        return await texts.load(parts.objects, event.text_key)
    submission = await _submission(event.submission_id, parts)
    return _unread(event, submission) if isinstance(event, DocumentFailed) else await message(submission)


async def _message_once(submission: SubmissionCreated, parts: Parts, active: Active) -> KeptText:
    """The message, kept with its tags."""
    told = DocumentIndexed(submission_id=submission.submission_id, number=MESSAGE)
    text = await _with_tags(_message(submission), told, parts, active)
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


async def _message_again(submission: SubmissionCreated, parts: Parts, active: Active) -> KeptText:
    """The message for the next index: made again, which is faster than reading it, with its tags."""
    text = tagging.tagged(_message(submission), active)
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


async def _read_again(event: DocumentExtracted | DocumentFailed, parts: Parts) -> bool:
    following = f"{event.submission_id}.{event.number}.{event.generation + 1}"
    kinds = (DocumentExtracted, DocumentFailed)
    found = await asyncio.gather(*(parts.history.read(f"{kind.type}.{following}") for kind in kinds))
    return any(found)


async def _write(
    write: Callable[[Sequence[IndexedDocument]], Awaitable[None]], documents: Sequence[Document | None]
) -> None:
    try:
        await write([one.indexed() if isinstance(one, KeptText) else one for one in documents if one is not None])
    except Unavailable as error:
        raise Transient("index", str(error)) from error


def _message(submission: SubmissionCreated) -> KeptText:
    """The message itself, as a document, without tags."""
    text = submission.message
    return KeptText(
        submission_id=submission.submission_id,
        number=MESSAGE,
        generation=FIRST,
        filename="message",
        contact_name=submission.name,
        created_at=submission.created_at,
        size=len(text.encode()),
        pages=(text,),
        title=submission.subject_line,
        language=detect(text[:JUDGED_CHARACTERS]),
        extractor="message",
        sender=submission.email,
        content_type="text/plain",
    )


def _kept(event: DocumentStored, submission: SubmissionCreated, filename: str, extracted: Extracted) -> KeptText:
    """A document that was read, without tags."""
    return KeptText(
        submission_id=event.submission_id,
        number=event.number,
        generation=event.generation,
        filename=filename,
        contact_name=submission.name,
        created_at=submission.created_at,
        size=event.size,
        pages=extracted.pages,
        title=extracted.title or PurePath(filename).stem,
        author=extracted.author,
        language=detect("\n\n".join(extracted.pages)),
        extractor=extracted.extractor,
        ocr=extracted.ocr,
        sender=submission.email,
        content_type=event.content_type,
    )


def _extracted(text: KeptText, key: str) -> DocumentExtracted:
    return DocumentExtracted(
        submission_id=text.submission_id,
        number=text.number,
        generation=text.generation,
        text_key=key,
        characters=sum(map(len, text.pages)),
        pages=len(text.pages),
        language=text.language,
        document_type=text.document_type,
        tags=text.tags,
        extractor=text.extractor,
        ocr=text.ocr,
        rules=text.rules,
    )


def _failed(event: DocumentStored, fault: Unreadable) -> DocumentFailed:
    return DocumentFailed(
        submission_id=event.submission_id,
        number=event.number,
        generation=event.generation,
        reason=fault.reason,
        message=fault.message,
    )


def _unread(event: DocumentFailed, submission: SubmissionCreated) -> IndexedDocument:
    """A document that could not be read: still found by its name and by `status: failed`."""
    attachment = next(a for a in submission.attachments if a.number == event.number)
    return IndexedDocument(
        document_id=document_id(event.submission_id, event.number),
        contact_id=event.submission_id,
        filename=attachment.filename,
        title=PurePath(attachment.filename).stem,
        text="",
        contact_name=submission.name,
        document_type="document",
        tags=(),
        language="",
        status="failed",
        created_at=submission.created_at,
        size=attachment.size,
    )


def _indexed(event: Event, document: Document | None) -> Sequence[Event]:
    """What is told of a document that can be found now. A change of its tags is told again: that is the same event."""
    if isinstance(event, DocumentExtracted):
        found = DocumentIndexed(submission_id=event.submission_id, number=event.number, generation=event.generation)
    elif isinstance(event, SubmissionStored) and isinstance(document, KeptText):
        found = DocumentIndexed(
            submission_id=event.submission_id,
            number=MESSAGE,
            language=document.language,
            tags=document.tags,
            rules=document.rules,
        )
    else:
        return []
    return [found, _tagged(document)] if isinstance(document, KeptText) and document.revision else [found]


def _tagged(text: KeptText) -> DocumentTagged:
    return DocumentTagged(
        submission_id=text.submission_id,
        number=text.number,
        generation=text.generation,
        revision=text.revision,
        document_type=text.document_type,
        tags=text.tags,
        rules=text.rules,
    )
