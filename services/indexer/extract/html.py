"""Web pages: what a reader of the page sees, without scripts and styles."""

import re
from html.parser import HTMLParser

from services.indexer.extract import dates
from services.indexer.extract.encoding import MARKS, encoding_of
from services.indexer.extract.results import Extracted, Limits

TYPES = frozenset({"text/html", "application/xhtml+xml"})
NAME = "html parser 1"
UNSEEN = frozenset({"script", "style", "template", "noembed", "noframes", "iframe", "object", "svg", "math", "select"})
BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd", "details",
        "dialog", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3",
        "h4", "h5", "h6", "header", "hr", "html", "legend", "li", "main", "nav", "ol", "p", "pre", "section",
        "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
    }
)  # fmt: skip
CELLS = frozenset({"td", "th"})
WITHOUT_END = frozenset({"br", "hr", "img", "meta", "link", "input", "col", "wbr", "area", "base", "source", "track"})
ABOUT = {
    "author": "author",
    "dc.creator": "author",
    "article:published_time": "created",
    "dc.date": "created",
    "date": "created",
    "article:modified_time": "modified",
    "last-modified": "modified",
}
DECLARED_BYTES = 4096
_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{2,40})""", re.IGNORECASE)
_SPACES = re.compile(r"[^\S\n\u00a0]+")


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The page's text, title, author and dates."""
    page = Page(decoded(content[: limits.text_bytes]))
    return Extracted(
        pages=(page.text(),),
        extractor=NAME,
        title=page.title(),
        author=page.about.get("author", "")[:300],
        created=dates.of_iso(page.about.get("created")),
        modified=dates.of_iso(page.about.get("modified")),
    )


def decoded(content: bytes) -> str:
    """A page's source: by its mark, by what it declares, or by the best guess."""
    declared = _CHARSET.search(content[:DECLARED_BYTES])
    if declared is not None and not any(content.startswith(mark) for mark, _ in MARKS):
        name = declared[1].decode("ascii", "replace").lower()
        name = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "gb2312": "gb18030"}.get(name, name)
        try:  # the aliases are those of the WHATWG encoding standard: what browsers do
            return content.decode(name)
        except (LookupError, UnicodeError):
            pass
    return content.decode(encoding_of(content), errors="replace")


class Page(HTMLParser):
    """Collects what is seen; never fails on bad markup."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.about: dict[str, str] = {}
        self._seen: list[str] = []
        self._title: list[str] = []
        self._in_title = False
        self._unseen = ""
        self._depth = 0
        self.feed(source)
        self.close()

    def text(self) -> str:
        """Lines without empty ones in a row."""
        lines = (_SPACES.sub(" ", line).strip() for line in "".join(self._seen).split("\n"))
        text = "\n".join(line.replace("\u0000", "") for line in lines)
        return re.sub(r"\n{3,}", "\n\n", text).strip()

    def title(self) -> str:
        """What the page calls itself."""
        return " ".join("".join(self._title).split())[:300]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        if self._unseen:
            self._depth += tag == self._unseen
        elif tag in UNSEEN:
            self._unseen, self._depth = tag, 1
        elif tag == "title":
            self._in_title = not self._title
        elif tag == "meta":
            self._meta(dict(attrs))
        elif tag in BLOCKS:
            self._seen.append("\n")
        elif tag in CELLS:
            self._seen.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: D102
        if tag in WITHOUT_END or tag in BLOCKS:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:  # noqa: D102
        if self._unseen:
            self._depth -= tag == self._unseen
            if not self._depth:
                self._unseen = ""
        elif tag == "title":
            self._in_title = False
        elif tag in BLOCKS:
            self._seen.append("\n")

    def handle_data(self, data: str) -> None:  # noqa: D102
        if self._in_title:
            self._title.append(data)
        elif not self._unseen:
            self._seen.append(data.replace("\n", " ") if "\n" in data else data)

    def _meta(self, attributes: dict[str, str | None]) -> None:
        name = (attributes.get("name") or attributes.get("property") or "").lower()
        if name in ABOUT and attributes.get("content"):
            self.about.setdefault(ABOUT[name], str(attributes["content"]).strip())
