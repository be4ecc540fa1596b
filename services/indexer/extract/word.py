"""Word documents: text by page, with headers, footers, notes and comments, from the document's own XML."""

from collections.abc import Callable
from xml.etree.ElementTree import Element

from services.indexer.extract.package import Package, walk
from services.indexer.extract.properties import counted_pages, of_office
from services.indexer.extract.results import Extracted, Limits
from services.indexer.extract.slides import charted

TYPES = frozenset({"application/vnd.openxmlformats-officedocument.wordprocessingml.document"})
NAME = "word parts 1"
W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MAIN = "officeDocument"
BEFORE = ("header",)
CHART = "chart"
AFTER = ("footer", "footnotes", "endnotes", "comments")


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The text of the document. Raises Unreadable when it is damaged, locked or a bomb."""
    with Package(content, limits) as package:
        main = next((name for kind, name in package.related("").values() if kind == MAIN), "word/document.xml")
        pages = Pages(limits.pages)
        pages.add(package.tree(main))
        related = sorted(package.related(main).values())
        before = [_text(package.tree(name)) for kind, name in related if kind in BEFORE]
        after = [_text(package.tree(name)) for kind, name in related if kind in AFTER]
        after += [line for kind, name in related if kind == CHART for line in charted(package.tree(name))]
        texts = pages.texts()
        texts[0] = "\n".join(filter(None, (*dict.fromkeys(before), texts[0])))
        texts[-1] = "\n".join(filter(None, (texts[-1], *dict.fromkeys(after))))
        return Extracted(
            pages=tuple(texts),
            extractor=NAME,
            page_count=max(len(texts), counted_pages(package)),
            **of_office(package),
        )


class Pages:
    """Text in the order it is read, with a line for each paragraph and for each row of a table."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pages: list[list[str]] = [[]]
        self._first_cell = False
        self._joint = ""
        self._ignored = 0
        self._starts: dict[str, Callable[[Element], None]] = {
            "p": self._paragraph,
            "tr": self._row,
            "tc": self._cell,
            "t": self._run,
            "tab": lambda _: self._write("\t"),
            "br": self._break,
            "cr": lambda _: self._write("\n"),
            "noBreakHyphen": lambda _: self._write("-"),
            "lastRenderedPageBreak": lambda _: self._turn(),
        }

    def add(self, root: Element) -> None:
        """All text below `root`."""
        for event, element in walk(root):
            if element.tag == FALLBACK:  # the same once more, for older programs
                self._ignored += 1 if event == "start" else -1
            elif event == "start" and not self._ignored and element.tag.startswith(W):
                started = self._starts.get(element.tag[len(W) :])
                if started is not None:
                    started(element)

    def texts(self) -> list[str]:
        """The pages."""
        return ["".join(page).strip("\n") for page in self._pages]

    def _paragraph(self, _: Element) -> None:
        self._joint, joint = "", self._joint
        self._write(joint or "\n")

    def _row(self, _: Element) -> None:
        self._first_cell = True

    def _cell(self, _: Element) -> None:
        self._joint = "\n" if self._first_cell else "\t"
        self._first_cell = False

    def _run(self, element: Element) -> None:
        self._write(element.text or "")

    def _break(self, element: Element) -> None:
        if element.get(f"{W}type") == "page":
            self._turn()
        else:
            self._write("\n")

    def _turn(self) -> None:
        """To the next page; Word marks a break both where it is written and where it was last laid out."""
        if len(self._pages) < self._most and any(text.strip() for text in self._pages[-1]):
            self._pages.append([])

    def _write(self, text: str) -> None:
        self._pages[-1].append(text)


def _text(root: Element) -> str:
    part = Pages(1)
    part.add(root)
    return "\n".join(line for line in part.texts()[0].splitlines() if line.strip())
