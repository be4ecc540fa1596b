"""What indexer does: from a stored document to one that is found."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from libs.events.catalogue import (
    MESSAGE,
    DocumentExtracted,
    DocumentFailed,
    DocumentIndexed,
    DocumentStored,
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
from libs.objects import previews
from libs.objects.store import ObjectStore
from services.indexer import texts
from services.indexer.indexes import Indexes
from services.indexer.language import detect
from services.indexer.sandbox import Extracted, Limits, Sandbox, SandboxFailed, Unreadable
from services.indexer.tags import Rules
from services.indexer.texts import KeptText

log = logging.getLogger(__name__)

JUDGED_CHARACTERS = 300
"""How much of a message tells its language."""
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
    rules: Rules


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
    text = _kept(event, submission, attachment.filename, extracted, parts.rules)
    key = await texts.keep(parts.objects, text)
    return [_extracted(text, key)]


async def index(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Make a batch of messages and documents searchable with one write."""
    documents = await _documents(received, parts)
    texts_of_messages = (one for one in documents if isinstance(one, KeptText) and one.number == MESSAGE)
    await asyncio.gather(*(texts.keep(parts.objects, one) for one in texts_of_messages))
    await _write(parts.index.write, documents)
    return [_indexed(one.event) for one in received]


async def rebuild(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write a batch into the next index, from the kept texts and the messages in the stream."""
    await _write(parts.index.write_next, await _documents(received, parts))
    return [()] * len(received)


async def erase(event: ErasureBegun, parts: Parts) -> Sequence[Event]:
    """Remove the submission from the index, and the texts and pictures of its documents."""
    removed = await forget(event.submission_id, parts)
    return [ErasureDone(submission_id=event.submission_id, owner="indexer", removed=removed)]


async def forget(submission_id: str, parts: Parts) -> dict[str, int]:
    """Erase what the index, the kept texts and the pictures hold of a submission; returns how much that was."""
    try:
        entries = await parts.index.delete_submission(submission_id)
    except Unavailable as error:
        raise Transient("index", str(error)) from error
    return {
        "index entries": entries,
        "texts": await parts.objects.erase(texts.prefix(submission_id)),
        "previews": await parts.objects.erase(previews.prefix(submission_id)),
    }


async def _submission(submission_id: str, parts: Parts) -> SubmissionCreated:
    submission = await parts.history.submission(submission_id)
    if submission is None:
        raise LookupError(f"submission {submission_id} is not in the stream any more")
    return submission


async def _documents(received: Sequence[Received[Event]], parts: Parts) -> list[KeptText | IndexedDocument]:
    """What the index gets for a batch."""
    slots = asyncio.Semaphore(READ_AT_ONCE)

    async def read(event: Event) -> KeptText | IndexedDocument | None:
        async with slots:
            return await _document(event, parts)

    found = await asyncio.gather(*(read(one.event) for one in received))
    return [one for one in found if one is not None]


async def _document(event: Event, parts: Parts) -> KeptText | IndexedDocument | None:
    """None when the document has been read again since: an old event never hides what is newer."""
    if isinstance(event, SubmissionCreated):
        return _message(event, parts.rules)
    if isinstance(event, DocumentExtracted | DocumentFailed) and await read_again(event, parts):
        return None
    if isinstance(event, DocumentExtracted):
        return await texts.load(parts.objects, event.text_key)
    submission = await _submission(event.submission_id, parts)
    return _unread(event, submission) if isinstance(event, DocumentFailed) else _message(submission, parts.rules)


async def read_again(event: DocumentExtracted | DocumentFailed, parts: Parts) -> bool:
    """Whether the document has been read again since."""
    following = f"{event.submission_id}.{event.number}.{event.generation + 1}"
    kinds = (DocumentExtracted, DocumentFailed)
    found = await asyncio.gather(*(parts.history.read(f"{kind.type}.{following}") for kind in kinds))
    return any(found)


async def _write(
    write: Callable[[Sequence[IndexedDocument]], Awaitable[None]], documents: Sequence[KeptText | IndexedDocument]
) -> None:
    try:
        await write([one.indexed() if isinstance(one, KeptText) else one for one in documents])
    except Unavailable as error:
        raise Transient("index", str(error)) from error


def _message(submission: SubmissionCreated, rules: Rules) -> KeptText:
    """The message itself, as a document."""
    text = submission.message
    language = detect(text[:JUDGED_CHARACTERS])
    tagged = rules.apply(f"{submission.subject_line}\n{text}", "message", "text/plain", language)
    return KeptText(
        submission_id=submission.submission_id,
        number=MESSAGE,
        generation=1,
        filename="message",
        contact_name=submission.name,
        created_at=submission.created_at,
        size=len(text.encode()),
        pages=(text,),
        title=submission.subject_line,
        language=language,
        document_type="message",
        tags=tagged.tags,
        extractor="message",
    )


def _kept(
    event: DocumentStored, submission: SubmissionCreated, filename: str, extracted: Extracted, rules: Rules
) -> KeptText:
    text = "\n\n".join(extracted.pages)
    language = detect(text)
    tagged = rules.apply(text, filename, event.content_type, language)
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
        language=language,
        document_type=tagged.document_type,
        tags=tagged.tags,
        extractor=extracted.extractor,
        ocr=extracted.ocr,
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


def _indexed(event: Event) -> Sequence[Event]:
    if isinstance(event, SubmissionStored):
        return [DocumentIndexed(submission_id=event.submission_id, number=MESSAGE)]
    if isinstance(event, DocumentExtracted):
        return [DocumentIndexed(submission_id=event.submission_id, number=event.number, generation=event.generation)]
    return []
