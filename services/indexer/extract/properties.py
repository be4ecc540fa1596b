"""What documents say of themselves: title, author and dates of Office, OpenDocument and EPUB files."""

from typing import TypedDict
from xml.etree.ElementTree import Element

from services.indexer.extract import dates
from services.indexer.extract.package import Package

DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
TERMS = "{http://purl.org/dc/terms/}"
META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"
EXTENDED = "{http://schemas.openxmlformats.org/officeDocument/2006/extended-properties}"


class About(TypedDict):
    """Fields of Extracted."""

    title: str
    author: str
    created: str
    modified: str


def of_office(package: Package) -> About:
    """From docProps/core.xml."""
    root = package.optional("docProps/core.xml")
    if root is None:
        return About(title="", author="", created="", modified="")
    return About(
        title=_first(root, f"{DUBLIN_CORE}title"),
        author=_first(root, f"{DUBLIN_CORE}creator"),
        created=dates.of_iso(_first(root, f"{TERMS}created")),
        modified=dates.of_iso(_first(root, f"{TERMS}modified")),
    )


def of_opendocument(package: Package) -> About:
    """From meta.xml."""
    root = package.optional("meta.xml")
    if root is None:
        return About(title="", author="", created="", modified="")
    return About(
        title=_first(root, f"{DUBLIN_CORE}title"),
        author=_first(root, f"{META}initial-creator") or _first(root, f"{DUBLIN_CORE}creator"),
        created=dates.of_iso(_first(root, f"{META}creation-date")),
        modified=dates.of_iso(_first(root, f"{DUBLIN_CORE}date")),
    )


def of_book(root: Element) -> About:
    """From the package document of an EPUB."""
    authors = [author.text.strip() for author in root.iter(f"{DUBLIN_CORE}creator") if author.text]
    return About(
        title=_first(root, f"{DUBLIN_CORE}title"),
        author=", ".join(authors)[:300],
        created=dates.of_iso(_first(root, f"{DUBLIN_CORE}date")),
        modified=next(
            (dates.of_iso(meta.text) for meta in root.iter() if meta.get("property") == "dcterms:modified"), ""
        ),
    )


def counted_pages(package: Package) -> int:
    """How many pages Office says it laid out, 0 when it does not say."""
    root = package.optional("docProps/app.xml")
    pages = _first(root, f"{EXTENDED}Pages") if root is not None else ""
    return int(pages) if pages.isdecimal() and len(pages) < 7 else 0


def _first(root: Element, name: str) -> str:
    found = next(root.iter(name), None)
    return " ".join((found.text or "").split())[:300] if found is not None else ""
