"""Spreadsheets: a page for each sheet, a line for each row that has something, from the workbook's own XML."""

import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from services.indexer.extract.package import Package
from services.indexer.extract.properties import of_office
from services.indexer.extract.results import Extracted, Limits, broken

TYPES = frozenset({"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"})
NAME = "sheet parts 1"
S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
MAIN = "officeDocument"
DATE_FORMATS = frozenset({*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)})
"""Numbers of Excel's own formats that show a date or a time (ECMA-376, 18.8.30)."""
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
LATEST_DAY = 2_958_466
CHUNK_BYTES = 1 << 16


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The cells' values, sheet by sheet. Raises Unreadable when it is damaged, locked or a bomb."""
    with Package(content, limits) as package:
        main = next((name for kind, name in package.related("").values() if kind == MAIN), "xl/workbook.xml")
        book = package.tree(main)
        related = package.related(main)
        values = Values(package, [name for _, name in related.values()], book)
        sheets = [
            (sheet.get("name", ""), related[sheet.get(RELATION, "")][1])
            for sheet in book.iter(f"{S}sheet")
            if sheet.get(RELATION, "") in related
        ]
        if not sheets:
            raise broken()
        pages = tuple(_sheet(package, title, name, values) for title, name in sheets[: limits.pages])
        return Extracted(pages=pages, extractor=NAME, page_count=len(sheets), **of_office(package))


class Values:
    """What cells refer to: shared texts, and which formats show dates."""

    def __init__(self, package: Package, parts: Sequence[str], book: Element) -> None:
        self._shared: list[str] = []
        self._dates: list[bool] = []
        properties = next(book.iter(f"{S}workbookPr"), None)
        since_1904 = properties is not None and properties.get("date1904") in ("1", "true")
        self._begins = datetime(1904, 1, 1) if since_1904 else datetime(1899, 12, 30)
        for name in parts:
            if name.endswith("sharedStrings.xml"):
                self._shared = [_said(item) for item in package.tree(name).iter(f"{S}si")]
            elif name.endswith("styles.xml"):
                self._dates = list(_date_styles(package.tree(name)))

    def of(self, cell: Element) -> str:
        """A cell's value as people read it."""
        kind, value = cell.get("t", "n"), cell.findtext(f"{S}v", "")
        if kind == "inlineStr":
            return _said(cell)
        if kind == "s":
            number = int(value) if value.isdecimal() else -1
            return self._shared[number] if 0 <= number < len(self._shared) else ""
        if kind == "b":
            return "true" if value == "1" else "false"
        if kind != "n" or not value:
            return value
        style = cell.get("s", "")
        dated = style.isdecimal() and int(style) < len(self._dates) and self._dates[int(style)]
        return self._number(value, dated=dated)

    def _number(self, value: str, *, dated: bool) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        if dated and 0 <= number < LATEST_DAY:
            time = self._begins + timedelta(seconds=round(number * 86_400))
            return str(time.date()) if number == int(number) else str(time)
        return value if len(value) <= 12 else f"{number:.15g}"


def _said(item: Element) -> str:
    """The text of a cell without its pronunciation."""
    texts = [*item.iter(f"{S}t")]
    spoken = {id(text) for reading in item.iter(f"{S}rPh") for text in reading.iter(f"{S}t")}
    return "".join(text.text or "" for text in texts if id(text) not in spoken)


def _date_styles(styles: Element) -> Iterator[bool]:
    written = {one.get("numFmtId"): one.get("formatCode", "") for one in styles.iter(f"{S}numFmt")}
    formats = styles.find(f"{S}cellXfs")
    for one in formats if formats is not None else ():
        number = one.get("numFmtId", "0")
        shown = _LITERAL.sub("", written.get(number, "")).lower()
        own = number.isdecimal() and int(number) in DATE_FORMATS
        yield own or (shown != "general" and any(letter in shown for letter in "ymdhs"))


def _sheet(package: Package, title: str, name: str, values: Values) -> str:
    lines = list(_rows(package.part(name), values))
    for kind, part in package.related(name).values():
        if kind == "comments":
            lines += [_said(comment) for comment in package.tree(part).iter(f"{S}comment")]
    return "\n".join((title, *filter(None, lines))) if any(lines) else ""


def _rows(content: bytes, values: Values) -> Iterator[str]:
    """A line for each row; the sheet is never a whole tree in memory."""
    if b"<!DOCTYPE" in content:
        raise broken()
    parser: XMLPullParser[Element] = XMLPullParser(["end"])
    source = io.BytesIO(content)
    try:
        while chunk := source.read(CHUNK_BYTES):
            parser.feed(chunk)
            for event in parser.read_events():
                element = event[-1]
                if not isinstance(element, Element) or element.tag != f"{S}row":
                    continue
                line = "\t".join(filter(None, (values.of(cell) for cell in element.iter(f"{S}c"))))
                if line:
                    yield line
                element.clear()
    except (ParseError, ValueError):
        raise broken() from None
