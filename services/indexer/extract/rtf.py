"""Rich text (RTF 1.9.1): its text by page, and what it says of itself."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from services.indexer.extract import dates
from services.indexer.extract.results import Extracted, Limits, broken

TYPES = frozenset({"application/rtf", "text/rtf"})
NAME = "rtf parser 1"
_TOKEN = re.compile(rb"\\([a-z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-z])|([{}])|[\r\n]+|([^\\{}\r\n]+)")
UNSEEN = frozenset(
    {
        "bkmkend", "bkmkstart", "colorschememapping", "colortbl", "datastore", "falt", "filetbl", "fldinst",
        "fonttbl", "generator", "latentstyles", "listoverridetable", "listtable", "mmathPr", "nonshppict",
        "object", "panose", "pict", "revtbl", "rsidtbl", "shpinst", "stylesheet", "themedata", "wgrffmtfilter",
        "xmlnstbl",
    }
)  # fmt: skip
BREAKS = {"par": "\n", "line": "\n", "sect": "\n", "tab": "\t", "cell": "\t", "row": "\n", "nestcell": "\t"}
SIGNS = {
    "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”", "bullet": "•",
    "emspace": " ", "enspace": " ",
}  # fmt: skip
SYMBOLS = {b"~": "\u00a0", b"_": "-", b"\\": "\\", b"{": "{", b"}": "}", b"\r": "\n", b"\n": "\n"}
CHARSETS = {
    0: "cp1252", 77: "mac_roman", 128: "cp932", 129: "cp949", 134: "gb18030", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip
"""Code pages by the number of a font's character set."""
ABOUT = ("title", "author")
TIMES = {"creatim": "created", "revtim": "modified"}
PARTS = ("yr", "mo", "dy", "hr", "min", "sec")
DEEPEST = 2000


@dataclass(slots=True)
class Group:
    """What holds between two braces."""

    destination: str = ""
    encoding: str = "cp1252"
    fallback: int = 1
    """How many characters after a \\u stand for it in older programs."""


@dataclass(slots=True)
class Collected:
    """What is read so far."""

    pages: list[list[str]] = field(default_factory=lambda: [[]])
    about: dict[str, list[str]] = field(default_factory=lambda: {name: [] for name in ABOUT})
    times: dict[str, dict[str, int]] = field(default_factory=dict)
    fonts: dict[int, str] = field(default_factory=dict)
    font: int = 0


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The text of the document. Raises Unreadable when it is none."""
    if not content.lstrip().startswith(b"{\\rtf"):
        raise broken()
    found = Reader(limits.pages).read(content)
    pages = tuple("".join(page).strip() for page in found.pages)
    return Extracted(
        pages=pages,
        extractor=NAME,
        title="".join(found.about["title"]).strip()[:300],
        author="".join(found.about["author"]).strip()[:300],
        created=_time(found.times.get("creatim", {})),
        modified=_time(found.times.get("revtim", {})),
        page_count=len(pages),
    )


class Reader:
    """One pass over the tokens."""

    def __init__(self, most_pages: int) -> None:
        self._most = most_pages
        self._groups = [Group()]
        self._found = Collected()
        self._page_encoding = "cp1252"
        self._skip = 0
        self._pending = b""
        self._star = False

    def read(self, content: bytes) -> Collected:
        """All that is wanted of the document."""
        for word, number, code, symbol, brace, plain in _tokens(content):
            if code:
                self._byte(bytes([int(code, 16)]))
            elif plain:
                self._plain(plain)
            else:
                self._flush()
                if brace:
                    self._brace(brace)
                elif word:
                    self._word(word.decode(), int(number) if number else None)
                elif symbol:
                    self._symbol(symbol)
        self._flush()
        return self._found

    @property
    def _group(self) -> Group:
        return self._groups[-1]

    def _brace(self, brace: bytes) -> None:
        self._skip = 0
        if brace == b"{" and len(self._groups) < DEEPEST:
            group = self._group
            self._groups.append(Group(group.destination, group.encoding, group.fallback))
        elif brace == b"}" and len(self._groups) > 1:
            self._groups.pop()

    def _word(self, word: str, number: int | None) -> None:
        star, self._star = self._star, False
        group = self._group
        if word == "shptxt":  # the text of a shape, whose other properties are not
            group.destination = ""
        elif word in UNSEEN or star:
            group.destination = word
        elif word == "info":
            group.destination = "info"
        elif group.destination == "info" and (word in ABOUT or word in TIMES):
            group.destination = word
        elif group.destination in TIMES and word in PARTS:
            self._found.times.setdefault(group.destination, {})[word] = number or 0
        elif word in ("f", "fcharset", "ansicpg", "uc", "mac", "plain"):
            self._set(word, number)
        elif word == "u" and number is not None:
            self._write(chr(number % 0x10000))
            self._skip = group.fallback
        elif word in ("page", "pagebb"):
            self._turn()
        elif word in BREAKS or word in SIGNS:
            self._write(BREAKS.get(word) or SIGNS[word])
        elif word == "bin":
            self._skip = number or 0

    def _set(self, word: str, number: int | None) -> None:
        group, fonts = self._group, self._found.fonts
        if word == "ansicpg" and number:
            self._page_encoding = group.encoding = _known(f"cp{number}")
        elif word == "mac":
            self._page_encoding = group.encoding = "mac_roman"
        elif word == "uc":
            group.fallback = min(10, number or 0)
        elif word == "f":
            self._found.font = number or 0
            if group.destination != "fonttbl":
                group.encoding = fonts.get(number or 0, self._page_encoding)
        elif word == "fcharset" and group.destination == "fonttbl" and number in CHARSETS and number:
            fonts[self._found.font] = CHARSETS[number]
        elif word == "plain":
            group.encoding = self._page_encoding

    def _symbol(self, symbol: bytes) -> None:
        if symbol == b"*":
            self._star = True
        elif symbol in SYMBOLS:
            self._write(SYMBOLS[symbol])

    def _byte(self, byte: bytes) -> None:
        if self._skip:
            self._skip -= 1
        else:
            self._pending += byte

    def _plain(self, text: bytes) -> None:
        skipped = min(self._skip, len(text))
        self._skip -= skipped
        self._pending += text[skipped:]

    def _flush(self) -> None:
        """Bytes become text together: one character may have two of them."""
        if self._pending:
            pending, self._pending = self._pending, b""
            self._write(pending.decode(self._group.encoding, "replace"))

    def _write(self, text: str) -> None:
        destination = self._group.destination
        if destination == "":
            self._found.pages[-1].append(text)
        elif destination in ABOUT:
            self._found.about[destination].append(text)

    def _turn(self) -> None:
        if self._group.destination == "" and len(self._found.pages) < self._most:
            self._found.pages.append([])


def _tokens(content: bytes) -> Iterator[tuple[bytes, bytes, bytes, bytes, bytes, bytes]]:
    for found in _TOKEN.finditer(content):
        word, number, code, symbol, brace, plain = found.groups(b"")
        yield word, number, code, symbol, brace, plain


def _known(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "cp1252"


def _time(parts: dict[str, int]) -> str:
    if "yr" not in parts:
        return ""
    year, month, day, hour, minute, second = (parts.get(name, 0) for name in PARTS)
    return dates.of_iso(f"{year:04}-{month or 1:02}-{day or 1:02}T{hour:02}:{minute:02}:{second:02}")
