"""What indexer does: from a stored document to one that is found."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
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
from libs.objects.store import ObjectStore
from services.indexer import found, texts
from services.indexer.antivirus import NOT_SCANNED, Antivirus, Scan, infected
from services.indexer.found import Contents, File, Reach
from services.indexer.indexes import Indexes
from services.indexer.language import detect
from services.indexer.sandbox import Extracted, Limits, Sandbox, SandboxFailed, Unreadable
from services.indexer.tags import Rules
from services.indexer.texts import KeptText

log = logging.getLogger(__name__)

JUDGED_CHARACTERS = 160
"""How much of a message tells its language: two or three sentences are enough, and more cost a replay its speed."""
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
    reach: Reach = field(default_factory=Reach)
    antivirus: Antivirus | None = None
    """None when files are not scanned."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A document that must not be in the index."""

    document_id: str


ForIndex = KeptText | IndexedDocument | Quarantined
"""What the index is told of one document."""


async def extract(event: DocumentStored, parts: Parts) -> Sequence[Event]:
    """Read the document's text once, in the sandbox, and keep it beside the original; files in it become documents.

    An infected one is not read.
    """
    submission = await _submission(event.submission_id, parts)
    file = await _file(submission, event.number, parts)
    content = await parts.objects.read(event.object_key, most=event.size)
    scan = await parts.antivirus.scan(event.document_id, content) if parts.antivirus else NOT_SCANNED
    if scan.outcome == "infected":
        return [_failed(event, infected(scan.signature), scan)]
    try:
        extracted = await parts.sandbox.read(content, event.content_type, parts.limits)
    except Unreadable as fault:  # the document's fault: final, with words for people
        return [_failed(event, fault, scan)]
    except SandboxFailed as error:
        raise Transient("sandbox", str(error)) from error
    contents = await found.keep(event, extracted.members, file.room, parts.history, parts.objects, parts.reach)
    text = _kept(event, submission, file.filename, extracted, parts.rules, contents)
    key = await texts.keep(parts.objects, text)
    return [*contents.found, _extracted(text, key, contents.numbers, scan)]


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
    """Remove the submission from the index, the texts of its documents, and what was found inside them."""
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
    }


async def _submission(submission_id: str, parts: Parts) -> SubmissionCreated:
    submission = await parts.history.submission(submission_id)
    if submission is None:
        raise LookupError(f"submission {submission_id} is not in the stream any more")
    return submission


async def _file(submission: SubmissionCreated, number: str, parts: Parts) -> File:
    return await found.file_of(submission, number, parts.history, parts.objects, parts.reach)


async def _documents(received: Sequence[Received[Event]], parts: Parts) -> list[ForIndex]:
    """What the index gets for a batch."""
    slots = asyncio.Semaphore(READ_AT_ONCE)

    async def read(event: Event) -> ForIndex | None:
        async with slots:
            return await _document(event, parts)

    documents = await asyncio.gather(*(read(one.event) for one in received))
    return [one for one in documents if one is not None]


async def _document(event: Event, parts: Parts) -> ForIndex | None:
    """None when the document has been read again since: an old event never hides what is newer."""
    if isinstance(event, SubmissionCreated):
        return _message(event, parts.rules)
    if isinstance(event, DocumentExtracted | DocumentFailed) and await _read_again(event, parts):
        return None
    if isinstance(event, DocumentExtracted):
        return await texts.load(parts.objects, event.text_key)
    if isinstance(event, DocumentFailed) and event.scan == "infected":
        return Quarantined(event.document_id)
    submission = await _submission(event.submission_id, parts)
    if isinstance(event, DocumentFailed):
        return _unread(event, submission, await _file(submission, event.number, parts))
    return _message(submission, parts.rules)


async def _read_again(event: DocumentExtracted | DocumentFailed, parts: Parts) -> bool:
    following = f"{event.submission_id}.{event.number}.{event.generation + 1}"
    kinds = (DocumentExtracted, DocumentFailed)
    return any(await asyncio.gather(*(parts.history.read(f"{kind.type}.{following}") for kind in kinds)))


async def _write(
    write: Callable[[Sequence[IndexedDocument], Sequence[str]], Awaitable[None]], documents: Sequence[ForIndex]
) -> None:
    gone = [one.document_id for one in documents if isinstance(one, Quarantined)]
    kept = [one for one in documents if not isinstance(one, Quarantined)]
    try:
        await write([one.indexed() if isinstance(one, KeptText) else one for one in kept], gone)
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
    event: DocumentStored,
    submission: SubmissionCreated,
    filename: str,
    extracted: Extracted,
    rules: Rules,
    contents: Contents,
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
        left_out=contents.left_out,
        note=contents.note,
    )


def _extracted(text: KeptText, key: str, numbers: Sequence[str], scan: Scan) -> DocumentExtracted:
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
        found=tuple(numbers),
        note=text.note,
        scan=scan.outcome,
    )


def _failed(event: DocumentStored, fault: Unreadable, scan: Scan) -> DocumentFailed:
    return DocumentFailed(
        submission_id=event.submission_id,
        number=event.number,
        generation=event.generation,
        reason=fault.reason,
        message=fault.message,
        scan=scan.outcome,
    )


def _unread(event: DocumentFailed, submission: SubmissionCreated, file: File) -> IndexedDocument:
    """A document that could not be read: still found by its name and by `status: failed`."""
    return IndexedDocument(
        document_id=document_id(event.submission_id, event.number),
        contact_id=event.submission_id,
        filename=file.filename,
        title=PurePath(file.filename).stem,
        text="",
        contact_name=submission.name,
        document_type="document",
        tags=(),
        language="",
        status="failed",
        created_at=submission.created_at,
        size=file.size,
    )


def _indexed(event: Event) -> Sequence[Event]:
    if isinstance(event, SubmissionStored):
        return [DocumentIndexed(submission_id=event.submission_id, number=MESSAGE)]
    if isinstance(event, DocumentExtracted):
        return [DocumentIndexed(submission_id=event.submission_id, number=event.number, generation=event.generation)]
    return []
