"""Every event of Letterbox: the only place where subjects and payloads are spelled.

A subject is `<entity>.<event>.<submission_id>`, for what concerns one document also `.<number>`, and holds one event
for ever. Payloads change only by adding optional fields; a consumer ignores what it does not know.
Personal data (names, addresses, the message, file names) travels in `submission.created` alone.
"""

import hashlib
import uuid
from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

SubmissionId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""32 lower-case hexadecimal digits: an HMAC of form and key, or random; unguessable."""

DocumentNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(-[0-9]{1,3}){0,3}$")]
"""`0` is the message itself, `1` and on are its attachments in the order they were sent; `1-2` is the second file
inside the first attachment, `1-2-1` the first inside that one."""

FoundNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}(-[0-9]{1,3}){1,3}$")]
"""The number of a document that was found inside another."""

DEEPEST = 3
"""How deep a document can lie in others; numbers go no further."""

Target = Annotated[str, StringConstraints(pattern=r"^(owner|sender)$")]
"""Who a mail goes to."""

ScanOutcome = Literal["", "clean", "infected", "too large"]
"""What the virus scanner said of a document; empty when none was asked. That it was away is no outcome."""
RulesVersion = Annotated[str, StringConstraints(max_length=40)]
"""`<revision>-<digest of the rules file>`; revision 0 is the file that indexer was started with."""

MESSAGE = "0"
"""The document number of the message itself."""

_IDS = hashlib.sha1(uuid.UUID("6c6f6f6b-6174-5865-8c65-747465726278").bytes, usedforsecurity=False)
"""Namespace of every event id (RFC 9562, version 5)."""


def document_id(submission_id: str, number: str) -> str:
    """The id a document has outside of events: `<submission id>-<number>`."""
    return f"{submission_id}-{number}"


def parent_number(number: str) -> str | None:
    """The number of the document that this one was found in; None for the message and its attachments."""
    return number.rpartition("-")[0] or None


def event_id(subject: str, cause: str) -> str:
    """The deterministic id of the event on `subject` that was caused by `cause` (an event's id, or an attempt's)."""
    known = _IDS.copy()
    known.update(f"{cause} {subject}".encode())
    sha1 = known.hexdigest()
    variant = "89ab"[int(sha1[16], 16) & 3]  # written by hand: uuid.UUID would cost more than all the rest
    return f"{sha1[:8]}-{sha1[8:12]}-5{sha1[13:16]}-{variant}{sha1[17:20]}-{sha1[20:32]}"


class Event(BaseModel):
    """Something that happened to one submission; immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    tokens: ClassVar[tuple[str, ...]] = ("submission_id",)

    submission_id: SubmissionId

    @property
    def subject(self) -> str:
        """The subject that this event alone holds."""
        return ".".join((self.type, *(str(getattr(self, token)) for token in self.tokens)))


class DocumentEvent(Event):
    """Something that happened to one document of a submission."""

    tokens: ClassVar[tuple[str, ...]] = ("submission_id", "number", "generation")

    number: DocumentNumber
    generation: int = Field(
        default=1, ge=1, description="Counts the readings of this document; a retry opens the next."
    )

    @property
    def document_id(self) -> str:
        """The document's id outside of events."""
        return document_id(self.submission_id, self.number)


class Attachment(BaseModel):
    """One file of a submission, whole in the object store before the submission is accepted."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    number: DocumentNumber
    object_key: str = Field(max_length=300)
    filename: str = Field(max_length=255, description="Cleaned for display; never part of a path or a key.")
    content_type: str = Field(max_length=120, description="Sniffed from the content, not what the client said.")
    size: int = Field(ge=0, description="Bytes.")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class SubmissionCreated(Event):
    """A visitor's message was accepted: it and its files are kept. Emitted by ingest, and answered with 202."""

    type: ClassVar[str] = "submission.created"

    form: str = Field(max_length=64)
    created_at: datetime
    name: str = Field(max_length=200)
    email: str = Field(max_length=320)
    subject_line: str = Field(default="", max_length=200, description="What the visitor wrote as subject.")
    message: str = Field(max_length=20_000)
    metadata: dict[str, str] = Field(default_factory=dict, description="Any other field of the form.")
    attachments: tuple[Attachment, ...] = ()
    held: str | None = Field(default=None, description="Why no mail goes out until the owner releases it.")

    def same_content(self, other: "SubmissionCreated") -> bool:
        """Whether both carry the same message and files, whatever attempt they came by."""
        return self._content() == other._content()

    def _content(self) -> tuple[object, ...]:
        files = tuple((a.filename, a.content_type, a.size, a.sha256) for a in self.attachments)
        return (self.form, self.name, self.email, self.subject_line, self.message, self.metadata, files)


class SubmissionStored(Event):
    """The submission and its documents are rows in PostgreSQL. Emitted by storage."""

    type: ClassVar[str] = "submission.stored"

    attachments: int = Field(ge=0, description="How many `document.stored` events belong to it.")
    held: bool = False


class SubmissionReleased(Event):
    """The owner let a held submission go on: the mails that waited go out. Emitted by search."""

    type: ClassVar[str] = "submission.released"


class SubmissionRejected(Event):
    """The owner ended a held submission: no mail will go out. Emitted by search."""

    type: ClassVar[str] = "submission.rejected"


class DocumentFound(DocumentEvent):
    """A file inside an archive or a mail is kept as a document; its name is with the object. Emitted by indexer."""

    type: ClassVar[str] = "document.found"
    tokens: ClassVar[tuple[str, ...]] = ("submission_id", "number")

    number: FoundNumber
    object_key: str = Field(max_length=300)
    content_type: str = Field(max_length=120)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    room: int = Field(default=0, ge=0, description="How many documents may still be found inside it, at any depth.")
    room_bytes: int = Field(default=0, ge=0, description="How many bytes these may have together.")


class DocumentStored(DocumentEvent):
    """A file of a stored submission, or a document found inside one, waits to be read. Emitted by storage."""

    type: ClassVar[str] = "document.stored"
    tokens: ClassVar[tuple[str, ...]] = ("submission_id", "number")

    object_key: str = Field(max_length=300)
    content_type: str = Field(max_length=120)
    size: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class DocumentExtracted(DocumentEvent):
    """The document's text was read and is kept beside the original. Emitted by indexer."""

    type: ClassVar[str] = "document.extracted"

    text_key: str = Field(max_length=300, description="Object with the text by page and where it came from.")
    characters: int = Field(ge=0)
    pages: int = Field(ge=0)
    language: str = Field(default="", max_length=16, description="ISO 639-1, or empty when it could not be told.")
    document_type: str = Field(default="document", max_length=64)
    tags: tuple[str, ...] = ()
    extractor: str = Field(max_length=120, description="Name and version of what read it.")
    ocr: bool = False
    found: tuple[DocumentNumber, ...] = Field(
        default=(), description="The documents found inside it: each has a `document.found`."
    )
    note: str = Field(default="", max_length=300, description="For people: what of it was left out, and why.")
    scan: ScanOutcome = Field(default="", description="What the virus scanner said; empty: it was not asked.")
    rules: RulesVersion = Field(default="", description="Which tag rules gave type and tags.")
    quality: float | None = Field(default=None, ge=0, le=1, description="How much of the text looks like words.")


class DocumentFailed(DocumentEvent):
    """The document cannot be read, through its own fault; final within its generation. Emitted by indexer."""

    type: ClassVar[str] = "document.failed"

    reason: str = Field(max_length=64, description="For machines: `encrypted`, `broken`, `empty`, `infected`, ...")
    message: str = Field(max_length=300, description="For people.")
    scan: ScanOutcome = Field(default="", description="What the virus scanner said; empty: it was not asked.")


class DocumentIndexed(DocumentEvent):
    """The document can be found by searching. Emitted by indexer."""

    type: ClassVar[str] = "document.indexed"

    language: str = Field(default="", max_length=16, description="Of the message itself, as in `document.extracted`.")
    tags: tuple[str, ...] = Field(default=(), description="Of the message itself.")
    rules: RulesVersion = Field(default="", description="Which tag rules gave the message's tags.")


class DocumentTagged(DocumentEvent):
    """Changed tag rules changed what the document is, or that was taken back. Emitted by indexer."""

    type: ClassVar[str] = "document.tagged"
    tokens: ClassVar[tuple[str, ...]] = (*DocumentEvent.tokens, "revision")

    revision: int = Field(ge=1, description="Counts the changes since this reading of the document.")
    document_type: str = Field(default="document", max_length=64)
    tags: tuple[str, ...] = ()
    rules: RulesVersion = Field(default="", description="Which tag rules gave type and tags.")


class DocumentPreviewed(DocumentEvent):
    """The document's first pages can be looked at, or none of them can be drawn. Emitted by indexer."""

    type: ClassVar[str] = "document.previewed"

    pages: int = Field(ge=0, description="How many pages have a picture; 0 when nothing can be drawn.")
    width: int = Field(default=0, ge=0, description="Of the first page's picture, in pixels.")
    height: int = Field(default=0, ge=0, description="Of the first page's picture, in pixels.")


class NotificationSent(Event):
    """A mail server took the mail. Emitted by notifier."""

    type: ClassVar[str] = "notification.sent"
    tokens: ClassVar[tuple[str, ...]] = ("submission_id", "target")

    target: Target


class NotificationFailed(Event):
    """The mail will not go out, or nobody can tell whether it did. Emitted by notifier."""

    type: ClassVar[str] = "notification.failed"
    tokens: ClassVar[tuple[str, ...]] = ("submission_id", "target")

    target: Target
    outcome: Literal["refused", "uncertain", "no address"]
    message: str = Field(default="", max_length=300, description="For people; holds no address.")


class SubmissionErased(Event):
    """The tombstone: it takes the subject of `submission.created`, so nothing can take it again. Emitted by storage."""

    type: ClassVar[str] = "submission.erased"

    @property
    def subject(self) -> str:
        """The subject of what the visitor sent, on which this is the last event for ever."""
        return f"{SubmissionCreated.type}.{self.submission_id}"


class ErasureRequested(Event):
    """Every copy of a submission is to be erased. By search, the operator or storage (retention)."""

    type: ClassVar[str] = "erasure.requested"

    reason: Literal["owner", "operator", "retention", "synthetic"] = "owner"


class ErasureBegun(Event):
    """The tombstone stands: from here on every owner of copies erases, and nothing brings a copy back. By storage."""

    type: ClassVar[str] = "erasure.begun"


class ErasureDone(Event):
    """An owner of copies erased what it had of a submission. Emitted by storage, indexer and notifier."""

    type: ClassVar[str] = "erasure.done"
    tokens: ClassVar[tuple[str, ...]] = ("submission_id", "owner")

    owner: Literal["storage", "indexer", "notifier", "stream"] = Field(
        description="Whose copies; `stream` is the last sweep over the streams, and makes the receipt final."
    )
    removed: dict[str, int] = Field(default_factory=dict, description="How many of what: `rows`, `originals`, ...")
    mails: tuple[Target, ...] = Field(default=(), description="Mails that went out before, and cannot be taken back.")


EVENTS: tuple[type[Event], ...] = (
    SubmissionCreated,
    SubmissionStored,
    SubmissionReleased,
    SubmissionRejected,
    DocumentStored,
    DocumentFound,
    DocumentExtracted,
    DocumentFailed,
    DocumentIndexed,
    DocumentTagged,
    DocumentPreviewed,
    NotificationSent,
    NotificationFailed,
    SubmissionErased,
    ErasureRequested,
    ErasureBegun,
    ErasureDone,
)
"""The catalogue, in the order things happen."""

ERASURE: tuple[type[Event], ...] = (SubmissionErased, ErasureRequested, ErasureBegun, ErasureDone)
"""Events that a submission may still have once it is erased."""

BY_TYPE: dict[str, type[Event]] = {event.type: event for event in EVENTS}
