"""What is known of one document: as the text that is kept, as an entry of the index, and as events."""

from pathlib import PurePath

from libs.events.catalogue import (
    MESSAGE,
    DocumentExtracted,
    DocumentFailed,
    DocumentIndexed,
    DocumentStored,
    DocumentTagged,
    SubmissionCreated,
    document_id,
)
from libs.index.protocol import IndexedDocument
from services.indexer.antivirus import Scan
from services.indexer.found import Contents, File
from services.indexer.language import detect
from services.indexer.sandbox import Extracted, Unreadable
from services.indexer.texts import KeptText

JUDGED_CHARACTERS = 160
"""How much of a message tells its language: two or three sentences are enough, and more cost a replay its speed."""
FIRST = 1
"""The generation of a message: it is what it is, and never read again."""


def message(submission: SubmissionCreated) -> KeptText:
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


def kept(
    event: DocumentStored, submission: SubmissionCreated, filename: str, extracted: Extracted, contents: Contents
) -> KeptText:
    """A file that was read, without tags."""
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
        created=extracted.created,
        modified=extracted.modified,
        quality=extracted.quality,
        route=extracted.route,
        left_out=contents.left_out,
        note=contents.note,
        sender=submission.email,
        content_type=event.content_type,
    )


def unread(event: DocumentFailed, submission: SubmissionCreated, file: File) -> IndexedDocument:
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


def extracted(text: KeptText, contents: Contents, scan: Scan) -> DocumentExtracted:
    """It was read, and this was found inside it."""
    return DocumentExtracted(
        submission_id=text.submission_id,
        number=text.number,
        generation=text.generation,
        text_key=text.key,
        characters=sum(map(len, text.pages)),
        pages=len(text.pages),
        language=text.language,
        document_type=text.document_type,
        tags=text.tags,
        extractor=text.extractor,
        ocr=text.ocr,
        quality=text.quality,
        found=contents.numbers,
        note=text.note,
        scan=scan.outcome,
        rules=text.rules,
    )


def failed(event: DocumentStored, fault: Unreadable, scan: Scan) -> DocumentFailed:
    """It cannot be read, through its own fault."""
    return DocumentFailed(
        submission_id=event.submission_id,
        number=event.number,
        generation=event.generation,
        reason=fault.reason,
        message=fault.message,
        scan=scan.outcome,
    )


def message_indexed(text: KeptText) -> DocumentIndexed:
    """A message can be found; what no earlier event tells of it is told here."""
    return DocumentIndexed(
        submission_id=text.submission_id, number=MESSAGE, language=text.language, tags=text.tags, rules=text.rules
    )


def tagged(text: KeptText) -> DocumentTagged:
    """Changed rules gave it other tags."""
    return DocumentTagged(
        submission_id=text.submission_id,
        number=text.number,
        generation=text.generation,
        revision=text.revision,
        document_type=text.document_type,
        tags=text.tags,
        rules=text.rules,
    )
