"""EPUB: a page for each chapter, in the order of reading."""

from services.indexer.extract.html import Page, decoded
from services.indexer.extract.package import Package, resolved
from services.indexer.extract.properties import of_book
from services.indexer.extract.results import Extracted, Limits, broken, encrypted

TYPES = frozenset({"application/epub+zip"})
NAME = "epub parts 1"
CONTAINER = "{urn:oasis:names:tc:opendocument:xmlns:container}"
OPF = "{http://www.idpf.org/2007/opf}"
PAGES = ("application/xhtml+xml", "text/html", "application/x-dtbook+xml")


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The book's text chapter by chapter. Raises Unreadable when it is damaged, locked or a bomb."""
    with Package(content, limits) as package:
        if "META-INF/rights.xml" in package:
            raise encrypted()
        container = package.tree("META-INF/container.xml")
        name = next((root.get("full-path", "") for root in container.iter(f"{CONTAINER}rootfile")), "")
        book = package.tree(name)
        folder = name.rpartition("/")[0]
        files = {
            item.get("id", ""): resolved(folder, item.get("href", ""))
            for item in book.iter(f"{OPF}item")
            if item.get("media-type") in PAGES
        }
        spine = [files.get(item.get("idref", ""), "") for item in book.iter(f"{OPF}itemref")]
        chapters = [chapter for chapter in spine if chapter in package]
        if not chapters:
            raise broken()
        texts = (Page(decoded(package.part(chapter))).text() for chapter in chapters[: limits.pages])
        return Extracted(
            pages=tuple(filter(None, texts)) or ("",), extractor=NAME, page_count=len(chapters), **of_book(book)
        )
