"""Presentations: a page for each slide, with its notes, from the presentation's own XML."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from services.indexer.extract.package import Package, walk
from services.indexer.extract.properties import of_office
from services.indexer.extract.results import Extracted, Limits, broken, no_text

TYPES = frozenset({"application/vnd.openxmlformats-officedocument.presentationml.presentation"})
NAME = "slide parts 1"
P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
MAIN = "officeDocument"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
IGNORED = (FALLBACK, f"{A}fld")
"""What older programs show instead, and what programs fill in (slide number, today's date)."""
BESIDE = ("notesSlide", "diagramData", "comments", "chart")


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The text slide by slide. Raises Unreadable when it is damaged, locked or a bomb."""
    with Package(content, limits) as package:
        main = next((name for kind, name in package.related("").values() if kind == MAIN), "ppt/presentation.xml")
        related = package.related(main)
        deck = package.tree(main)
        slides = [
            related[slide.get(RELATION, "")][1]
            for slide in deck.iter(f"{P}sldId")
            if slide.get(RELATION, "") in related
        ]
        if not slides:
            raise no_text() if deck.tag == f"{P}presentation" else broken()
        pages = tuple("\n".join(_slide(package, name)) for name in slides[: limits.pages])
        return Extracted(pages=pages, extractor=NAME, page_count=len(slides), **of_office(package))


def _slide(package: Package, name: str) -> Iterator[str]:
    yield from _lines(package.tree(name))
    for kind, part in package.related(name).values():
        if kind in BESIDE:
            root = package.tree(part)
            yield from _lines(root)
            yield from charted(root)


def charted(root: Element) -> Iterator[str]:
    """The names and values that a chart shows, on one line, each once."""
    values = dict.fromkeys(value.text for value in root.iter(f"{C}v") if value.text)
    if values:
        yield ", ".join(values)


def _lines(root: Element) -> Iterator[str]:
    """A line for each paragraph."""
    line: list[str] = []
    ignored = 0
    for event, element in walk(root):
        if element.tag in IGNORED:
            ignored += 1 if event == "start" else -1
        elif ignored:
            continue
        elif event == "start" and element.tag in (f"{A}t", f"{P}text"):
            line.append(element.text or "")
        elif event == "start" and element.tag == f"{A}br":
            line.append("\n")
        if event == "end" and element.tag in (f"{A}p", f"{P}cm") and line:
            yield "".join(line)
            line = []
