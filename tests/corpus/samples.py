"""What a sample of the corpus is, and where its bytes come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.corpus import sources

OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN = "application/vnd.oasis.opendocument"
CONTENT_TYPES = {
    "PDF, text": "application/pdf",
    "PDF, scanned": "application/pdf",
    "PDF, mixed": "application/pdf",
    "PDF, rotated": "application/pdf",
    "PDF, form": "application/pdf",
    "PDF, attachment": "application/pdf",
    "PDF, protected": "application/pdf",
    "DOCX": f"{OFFICE}.wordprocessingml.document",
    "XLSX": f"{OFFICE}.spreadsheetml.sheet",
    "PPTX": f"{OFFICE}.presentationml.presentation",
    "ODT": f"{OPEN}.text",
    "ODS": f"{OPEN}.spreadsheet",
    "ODP": f"{OPEN}.presentation",
    "RTF": "application/rtf",
    "HTML": "text/html",
    "EML": "message/rfc822",
    "MSG": "application/vnd.ms-outlook",
    "EPUB": "application/epub+zip",
    "CSV": "text/csv",
    "JSON": "application/json",
    "Markdown": "text/markdown",
    "text": "text/plain",
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "TIFF": "image/tiff",
    "WebP": "image/webp",
    "HEIC": "image/heic",
    "ZIP": "application/zip",
}
"""The formats, as rows of the table, and what each is sniffed as."""

EASY, USUAL, HARD = "easy", "usual", "hard"
MADE = "made here"


@dataclass(frozen=True, slots=True)
class Sample:
    """A document and what must be found in it."""

    name: str
    """As a visitor would send it."""
    format: str
    difficulty: str
    finds: tuple[str, ...] = ()
    """In its text, whatever the white space."""
    not_finds: tuple[str, ...] = ()
    pages: Mapping[int, str] = field(default_factory=dict)
    """On that page, counted from 1."""
    language: str | None = None
    """Not looked at when None."""
    title: str | None = None
    """Not looked at when None."""
    members: tuple[str, ...] = ()
    """Files inside it that become documents of their own."""
    fails: str = ""
    """The reason for which it cannot be read."""
    origin: str = MADE
    """The package whose source distribution holds it."""
    path: str = ""
    """Where in that package."""
    make: Callable[[], bytes] | None = None

    def content(self) -> bytes:
        """Its bytes. Raises sources.NotFetched, and ImportError when what makes it is not installed."""
        if self.make is not None:
            return self.make()
        return (_fetched() / self.origin / self.path).read_bytes()


@cache
def _fetched() -> Path:
    return sources.fetched()
