"""What reading a document gives, what it may cost, and how it can fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one document may cost; whatever goes beyond ends the reading, not the service."""

    memory_bytes: int = 1536 << 20
    """Address space of the process that reads."""
    wall_seconds: float = 60
    cpu_seconds: int = 60
    output_bytes: int = 64 << 20
    """Size of the text and all that is told with it."""
    pages: int = 2000
    """Pages read of one document; the rest is left out."""
    ocr_pages: int = 30
    """Pages without a text layer that are read by OCR."""
    pixels: int = 60_000_000
    """Of one image."""
    text_bytes: int = 20 << 20
    """Of a plain text; the rest is left out."""
    members: int = 200
    """Files taken out of one archive or mail; the rest is left out."""
    members_bytes: int = 40 << 20
    """Of all of them together; what does not fit is left out."""
    unpacked_bytes: int = 512 << 20
    """What a compressed document may say that it unpacks to; more is a bomb."""
    part_bytes: int = 64 << 20
    """Of one part of an office document, unpacked."""


MOST_LEFT_OUT = 1000
"""Names of files that were not taken; what is beyond is not named."""


class Outcome(Protocol):
    """What a task in the sandbox gives back."""

    def told(self) -> tuple[dict[str, object], tuple[bytes, ...]]:
        """As values that JSON has, and what is bytes."""


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside an archive or a mail."""

    filename: str
    """As the archive or mail names it: hostile, never a path."""
    content: bytes


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document that was read."""

    pages: tuple[str, ...]
    """The text page by page; one page where the format has none."""
    extractor: str
    """Name and version of what read it."""
    title: str = ""
    author: str = ""
    created: str = ""
    """When the document says it was made: an ISO 8601 time, or empty."""
    modified: str = ""
    """When the document says it was last changed: an ISO 8601 time, or empty."""
    page_count: int = 1
    ocr: bool = False
    quality: float = 1.0
    """How much of the text looks like words, from 0 to 1."""
    route: tuple[str, ...] = ()
    """Which strategies were tried, and why each was chosen or given up; holds nothing of the document's text."""
    members: tuple[Member, ...] = ()
    """Files inside it that are documents of their own."""
    left_out: tuple[str, ...] = ()
    """Names of files inside it that were not taken: too many, too large, or locked."""

    def told(self) -> tuple[dict[str, object], tuple[bytes, ...]]:
        """Its fields, with the names of the members and their contents apart."""
        fields = {name: getattr(self, name) for name in self.__slots__ if name != "members"}
        names = [member.filename for member in self.members]
        return {**fields, "members": names}, tuple(member.content for member in self.members)

    @classmethod
    def heard(cls, fields: dict[str, Any], blobs: Sequence[bytes]) -> "Extracted":
        """From what a hostile process told. Raises KeyError, TypeError or ValueError when that is no such thing."""
        members = zip(fields["members"], blobs, strict=True)
        return cls(
            pages=tuple(str(page) for page in fields["pages"]),
            extractor=str(fields["extractor"])[:120],
            title=str(fields["title"])[:300],
            author=str(fields["author"])[:300],
            created=str(fields["created"])[:40],
            modified=str(fields["modified"])[:40],
            page_count=int(fields["page_count"]),
            ocr=bool(fields["ocr"]),
            quality=min(1.0, max(0.0, float(fields["quality"]))),
            route=tuple(str(step)[:200] for step in fields["route"][:20]),
            members=tuple(Member(str(name)[:255], content) for name, content in members),
            left_out=tuple(str(name)[:255] for name in fields["left_out"][:MOST_LEFT_OUT]),
        )


class Unreadable(Exception):
    """The document cannot be read, through its own fault."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason)
        self.reason = reason
        """For machines."""
        self.message = message
        """For people who know nothing of file formats."""


def encrypted() -> Unreadable:
    """It needs a password."""
    return Unreadable("encrypted", "The file is protected by a password.")


def broken() -> Unreadable:
    """It is not what it says it is, or damaged."""
    return Unreadable("broken", "The file is damaged and cannot be opened.")


def empty() -> Unreadable:
    """It has no bytes."""
    return Unreadable("empty", "The file is empty.")


def no_text() -> Unreadable:
    """There is nothing to read in it."""
    return Unreadable("no_text", "No text was found in the file.")


def too_large() -> Unreadable:
    """Reading it needs more than is allowed."""
    return Unreadable("too_large", "Reading the file would need more memory or space than is allowed.")


def too_slow() -> Unreadable:
    """Reading it takes longer than is allowed."""
    return Unreadable("too_slow", "Reading the file took too long.")


def unsupported() -> Unreadable:
    """Nothing here can read it."""
    return Unreadable("unsupported", "Files of this kind cannot be read.")


def unsupported_archive() -> Unreadable:
    """It is an archive, but not of the one kind that is opened."""
    return Unreadable("unsupported", "Archives of this kind cannot be opened; a ZIP archive can.")
