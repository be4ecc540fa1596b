"""What reading a document gives, what it may cost, and how it can fail."""

from dataclasses import asdict, dataclass


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


@dataclass(frozen=True, slots=True)
class Extracted:
    """A document that was read."""

    pages: tuple[str, ...]
    """The text page by page; one page where the format has none."""
    extractor: str
    """Name and version of what read it."""
    title: str = ""
    author: str = ""
    page_count: int = 1
    ocr: bool = False

    def as_json(self) -> dict[str, object]:
        """As values that JSON has."""
        return asdict(self)


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
