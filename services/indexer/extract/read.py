"""Reading documents: an ordered list of strategies for each content type. Runs only inside the sandbox.

A strategy that fails in a way another may survive hands on to the next; what ends a reading for good (a password, a
bomb) ends it at once. The route tells what was tried and why, in words that hold nothing of the document.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from services.indexer.extract import (
    archive,
    book,
    html,
    mail,
    ocr,
    office,
    opendocument,
    outlook,
    pdf,
    rtf,
    slides,
    spreadsheet,
    text,
    word,
)
from services.indexer.extract.kinds import ARCHIVES, LOCKED, kind_of
from services.indexer.extract.quality import quality
from services.indexer.extract.results import (
    Extracted,
    Limits,
    Unreadable,
    broken,
    empty,
    encrypted,
    no_text,
    too_large,
    unsupported,
    unsupported_archive,
)

PLACEHOLDERS = frozenset({"untitled", "anonymous", "(anonymous)", "unspecified", "openpyxl", "python-docx", "un-named"})
"""What programs write into a title or an author when nobody gave one."""
FINAL = frozenset({"encrypted", "empty", "too_large", "too_slow"})
"""Faults that no other strategy survives."""


class Strategy(NamedTuple):
    """One way to read a document."""

    name: str
    read: Callable[[bytes, str, Limits], Extracted]


PARTS, XBERG, PICTURES = "own parts", Strategy("xberg", office.read), Strategy("pictures", office.pictures)


def _each(types: Iterable[str], *strategies: Strategy) -> Iterator[tuple[str, tuple[Strategy, ...]]]:
    return ((content_type, strategies) for content_type in types)


STRATEGIES: dict[str, tuple[Strategy, ...]] = dict(
    (
        *_each(text.TYPES, Strategy("text", text.read)),
        *_each(pdf.TYPES, Strategy("pdfium", pdf.read), XBERG),
        *_each(ocr.TYPES, Strategy("ocr", ocr.read)),
        *_each(word.TYPES, Strategy(PARTS, word.read), PICTURES, XBERG),
        *_each(spreadsheet.TYPES, Strategy(PARTS, spreadsheet.read), XBERG),
        *_each(slides.TYPES, Strategy(PARTS, slides.read), PICTURES, XBERG),
        *_each(opendocument.TYPES, Strategy(PARTS, opendocument.read), PICTURES, XBERG),
        *_each(book.TYPES, Strategy(PARTS, book.read), XBERG),
        *_each(rtf.TYPES, Strategy("rtf", rtf.read), XBERG),
        *_each(html.TYPES, Strategy("html", html.read), XBERG),
        *_each(mail.TYPES, Strategy("email", mail.read), XBERG),
        *_each(outlook.TYPES, Strategy("outlook", outlook.read), XBERG),
        *_each(archive.TYPES, Strategy("zip", archive.read)),
        *_each(office.LEGACY, XBERG),
    )
)
"""How each content type is read, the best way first."""


def read(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """The text of a document with the sniffed `content_type`. Raises Unreadable with a reason for people."""
    if not content:
        raise empty()
    kind = kind_of(content, content_type)
    if kind == LOCKED:
        raise encrypted()
    strategies = STRATEGIES.get(kind)
    if strategies is None:
        raise unsupported_archive() if kind in ARCHIVES else unsupported()
    route = [] if kind == content_type else [f"taken for {kind}"]
    faults: list[Unreadable] = []
    for strategy in strategies:
        try:
            return _finished(strategy, strategy.read(content, kind, limits), route)
        except Unreadable as fault:
            if fault.reason in FINAL:
                raise
            faults.append(fault)
        except MemoryError:
            raise too_large() from None
        except Exception as error:  # noqa: BLE001 - a reader's bug on a hostile file: another reader may survive it
            faults.append(broken())
            route.append(f"{strategy.name}: {type(error).__name__}")
        route.append(f"{strategy.name}: given up, {faults[-1].reason}")
    raise faults[0]


def _finished(strategy: Strategy, extracted: Extracted, route: list[str]) -> Extracted:
    """The outcome with its quality and route. Raises Unreadable when there is no text in it."""
    pages = tuple(whole(page) for page in extracted.pages)
    if not any(page.strip() for page in pages):
        raise no_text()
    chosen = f"{strategy.name}: {'recovered' if route and 'given up' in route[-1] else 'read'}"
    return replace(
        extracted,
        pages=pages,
        title=_said(extracted.title),
        author=_said(extracted.author),
        quality=quality(pages),
        route=(*route, chosen, *extracted.route),
    )


def _said(words: str) -> str:
    """What a document says of itself, on one line; nothing when it is garbled."""
    words = " ".join(whole(words).split())
    return "" if "\ufffd" in words or words.lower() in PLACEHOLDERS else words


def whole(words: str) -> str:
    """Text that can be kept: halves of characters are joined or replaced, zeros left out."""
    if words.isascii():
        return words.replace("\x00", "")
    return words.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\x00", "")
