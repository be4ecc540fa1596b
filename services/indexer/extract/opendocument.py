"""OpenDocument: texts by page, spreadsheets by sheet, presentations by slide, from the document's own XML."""

from collections.abc import Callable
from xml.etree.ElementTree import Element

from services.indexer.extract.package import Package, walk
from services.indexer.extract.properties import META, of_opendocument
from services.indexer.extract.results import Extracted, Limits

TYPES = frozenset(
    {
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
    }
)
NAME = "opendocument parts 1"
OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
IGNORED = (f"{TEXT}tracked-changes", f"{OFFICE}annotation-end", f"{TEXT}page-number", f"{OFFICE}scripts")
MOST_SPACES = 100


def read(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """The document's text. Raises Unreadable when it is damaged, locked or a bomb."""
    with Package(content, limits) as package:
        pages = Pages(limits.pages, sheets=content_type.endswith("spreadsheet"))
        pages.add(package.unlocked().tree("content.xml"))
        texts = pages.texts()
        if any(texts):  # an empty document has headers and footers all the same
            texts[-1] = "\n".join(filter(None, (texts[-1], *_margins(package))))
        return Extracted(
            pages=tuple(texts),
            extractor=NAME,
            page_count=max(len(texts), _counted(package)),
            **of_opendocument(package),
        )


class Pages:
    """Text in the order it is read."""

    def __init__(self, most: int, *, sheets: bool) -> None:
        self._most = most
        self._pages: list[list[str]] = [[]]
        self._row: list[int] = []
        self._ignored = 0
        self._paragraphs = 0
        self._joint = "\n"
        self._heading = ""
        """The name of a sheet in which nothing has been found yet."""
        self._starts: dict[str, Callable[[Element], None]] = {
            f"{TEXT}p": self._paragraph,
            f"{TEXT}h": self._paragraph,
            f"{TEXT}tab": lambda _: self._write("\t"),
            f"{TEXT}line-break": lambda _: self._write("\n"),
            f"{TEXT}s": self._spaces,
            f"{TEXT}soft-page-break": lambda _: self._turn(),
            f"{TABLE}table-row": lambda _: self._row.append(0),
            f"{TABLE}table-cell": self._cell,
            f"{DRAW}page": lambda _: self._turn(),
        }
        if sheets:
            self._starts[f"{TABLE}table"] = self._sheet

    def add(self, root: Element) -> None:
        """All text below `root`."""
        for event, element in walk(root):
            if element.tag in IGNORED:
                self._ignored += 1 if event == "start" else -1
            elif not self._ignored:
                self._start(element) if event == "start" else self._end(element)
            if event == "end" and self._paragraphs and not self._ignored:
                self._write(element.tail or "")

    def texts(self) -> list[str]:
        """The pages."""
        return ["".join(page).strip("\n") for page in self._pages]

    def _start(self, element: Element) -> None:
        started = self._starts.get(element.tag)
        if started is not None:
            started(element)
        if self._paragraphs:
            self._write(element.text or "")

    def _end(self, element: Element) -> None:
        if element.tag in (f"{TEXT}p", f"{TEXT}h"):
            self._paragraphs -= 1
        elif element.tag == f"{TABLE}table-row" and self._row:
            self._row.pop()
            self._joint = "\n"

    def _paragraph(self, _: Element) -> None:
        self._write(self._joint)
        self._joint = "\n"
        self._paragraphs += 1

    def _cell(self, _: Element) -> None:
        if self._row:
            self._joint = "\t" if self._row[-1] else "\n"
            self._row[-1] += 1

    def _spaces(self, element: Element) -> None:
        count = element.get(f"{TEXT}c", "1")
        self._write(" " * min(MOST_SPACES, int(count) if count.isdecimal() else 1))

    def _sheet(self, element: Element) -> None:
        self._turn()
        self._heading = element.get(f"{TABLE}name", "")

    def _turn(self) -> None:
        if len(self._pages) < self._most and any(text.strip() for text in self._pages[-1]):
            self._pages.append([])

    def _write(self, text: str) -> None:
        if self._heading and text.strip():
            self._pages[-1].insert(0, self._heading)
            self._heading = ""
        self._pages[-1].append(text)


def _margins(package: Package) -> list[str]:
    """What headers and footers say, each once."""
    root = package.optional("styles.xml")
    if root is None:
        return []
    texts = []
    for kind in ("header", "footer"):
        for element in root.iter(f"{STYLE}{kind}"):
            margin = Pages(1, sheets=False)
            margin.add(element)
            texts += margin.texts()
    return list(dict.fromkeys(filter(str.strip, texts)))


def _counted(package: Package) -> int:
    root = package.optional("meta.xml")
    statistic = next(root.iter(f"{META}document-statistic"), None) if root is not None else None
    pages = statistic.get(f"{META}page-count", "") if statistic is not None else ""
    return int(pages) if pages.isdecimal() and len(pages) < 7 else 0
