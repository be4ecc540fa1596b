"""Plain text, CSV, Markdown and JSON: decoded by us, because the other readers guess their encoding badly."""

import json
import re

from services.indexer.extract import dates
from services.indexer.extract.encoding import encoding_of
from services.indexer.extract.results import Extracted, Limits

TYPES = frozenset({"text/plain", "text/csv", "text/markdown", "application/json"})
_HEADING = re.compile(r"^(?:#{1,6}[ \t]+(.+?)[ \t]*#*|([^\s#>|`-][^\n]{0,200})\n(?:=+|-+)[ \t]*)$", re.MULTILINE)
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n(?:---|\.\.\.)\n", re.DOTALL)
_ENTRY = re.compile(r"^(title|author|date)[ \t]*:[ \t]*[\"']?(.*?)[\"']?[ \t]*$", re.MULTILINE | re.IGNORECASE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}")
HEADED_CHARACTERS = 20_000
"""Where the title of a Markdown text is looked for."""


def read(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """The text of `content`, up to the limit, whatever its encoding; what cannot be decoded becomes U+FFFD."""
    content = content[: limits.text_bytes]
    encoding = encoding_of(content)
    text = content.decode(encoding, errors="replace")
    about = {}
    if content_type == "text/markdown":
        about = _of_markdown(text[:HEADED_CHARACTERS].replace("\r\n", "\n"))
    elif content_type == "application/json" and _ESCAPED.search(text):
        text = _readable(text)
    pages = tuple(text.split("\f")) if 0 < text.count("\f") < limits.pages else (text,)
    return Extracted(
        pages=pages,
        extractor=f"text {encoding}",
        title=about.get("title", "")[:300],
        author=about.get("author", "")[:300],
        created=dates.of_iso(about.get("date")),
        page_count=len(pages),
    )


def _of_markdown(text: str) -> dict[str, str]:
    """Title, author and date: from the front matter, else the first heading."""
    matter = _FRONT_MATTER.match(text)
    about = {name.lower(): value for name, value in _ENTRY.findall(matter[1])} if matter else {}
    heading = _HEADING.search(_FENCED.sub("", text[matter.end() if matter else 0 :]))
    if heading is not None:
        about.setdefault("title", (heading[1] or heading[2]).strip())
    return about


def _readable(text: str) -> str:
    """JSON whose strings show their characters instead of escapes; as it is when it is no JSON or too deep."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return text
