"""Which kind of text a text is: web page, mail, JSON, CSV, Markdown, or none of them."""

import csv
import json
import re
import unicodedata

BY_ENDING = {".csv": "text/csv", ".tsv": "text/csv", ".md": "text/markdown", ".markdown": "text/markdown"}
PLAIN = "text/plain"
SAMPLE = 4096
_HTML = re.compile(r"\s*(<\?xml[^>]{0,200}\?>\s*)?(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.I | re.S)
_SVG = re.compile(r"<svg\b", re.IGNORECASE)
_MAIL = re.compile(r"(?:From [^\r\n]*\r?\n)?(?:[A-Za-z0-9-]+: ?[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2}")
_MAIL_HEADER = re.compile(r"^(from|to|received|return-path|message-id|date|subject):", re.IGNORECASE | re.MULTILINE)
_JSON_BEGINS = re.compile(r'\s*(\{\s*("|\})|\[\s*(["\[{\]\d-]|true\b|false\b|null\b))')
_HEADING = re.compile(r"^#{1,6} \S[^\n]*\n\s*\n", re.MULTILINE)
_MARKS = tuple(
    re.compile(mark, re.MULTILINE)
    for mark in (
        r"^#{2,6} \S", r"^```", r"\[[^\]\n]+\]\([^)\s]+\)", r"\*\*[^*\n]+\*\*", r"^\s{0,3}[*+-] \S", r"^\d+\. \S",
        r"^> \S", r"`[^`\n]+`", r"^\|.*\|\s*$",
    )
)  # fmt: skip
FEWEST_LINES = 3
FEWEST_ZEROS = 0.002
ONE_SIDED = 0.95
CONTROLS = frozenset(range(32)) - {9, 10, 12, 13, 27}


def decoded(prefix: bytes) -> str | None:
    """The text that a file begins with, as far as telling its kind needs it; None when it is no text."""
    if prefix[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return prefix[: len(prefix) // 2 * 2].decode("utf-16", "replace")
    if 0 in prefix:
        encoding = utf16_without_mark(prefix)
        return prefix[: len(prefix) // 2 * 2].decode(encoding, "replace") if encoding else None
    if any(byte in prefix for byte in CONTROLS):
        return None
    return prefix.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")


def utf16_without_mark(prefix: bytes) -> str:
    """`utf-16-le` or `utf-16-be` when the bytes are such a text, else an empty string.

    Spaces and western letters have their zero on one side only, and what is decoded is letters for the most part.
    """
    even, odd = prefix[::2].count(0), prefix[1::2].count(0)
    if max(even, odd) < FEWEST_ZEROS * len(prefix) or max(even, odd) < ONE_SIDED * (even + odd):
        return ""
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = prefix[: min(len(prefix), SAMPLE) // 2 * 2].decode(encoding, "replace")
    spaces = sum(map(str.isspace, text))
    strange = sum(unicodedata.category(sign) in ("Cc", "Cn", "Co", "Cs") and not sign.isspace() for sign in text)
    return encoding if strange <= 1 and 2 * (sum(map(str.isalnum, text)) + spaces) >= len(text) else ""


def kind_of_text(text: str, ending: str, *, cut: bool) -> str:
    """The content type; empty for scripts and drawings, which are none of ours. `cut`: the text goes on."""
    if text.startswith("#!") or _SVG.search(text[:SAMPLE]):
        return ""
    if _HTML.match(text):
        return "text/html"
    if (ending == ".eml" and ":" in text[:SAMPLE]) or _mail(text):
        return "message/rfc822"
    if _JSON_BEGINS.match(text) and _json(text, cut=cut):
        return "application/json"
    if ending in (".html", ".htm") and "<" in text:
        return "text/html"
    if ending in BY_ENDING:
        return BY_ENDING[ending]
    if _markdown(text):
        return "text/markdown"
    return "text/csv" if _csv(text, cut=cut) else PLAIN


def _mail(text: str) -> bool:
    return _MAIL.match(text) is not None and len(_MAIL_HEADER.findall(text[:SAMPLE])) >= 2


def _json(text: str, *, cut: bool) -> bool:
    if cut:
        return True  # what it begins with has to do
    try:
        json.loads(text)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _markdown(text: str) -> bool:
    """A heading with an empty line after it, and another mark."""
    sample = text[:SAMPLE].replace("\r\n", "\n")
    return _HEADING.search(sample) is not None and any(mark.search(sample) for mark in _MARKS)


def _csv(text: str, *, cut: bool) -> bool:
    """Every line has as many fields, at least three, or two where there are five lines and no spaces after commas."""
    lines = text[:SAMPLE].splitlines()
    if cut or len(text) > SAMPLE:
        lines = lines[:-1]
    lines = [line for line in lines if line.strip()]
    if len(lines) < FEWEST_LINES:
        return False
    for delimiter in ",;\t|":
        try:
            widths = {len(row) for row in csv.reader(lines, delimiter=delimiter) if row}
        except csv.Error:
            continue
        width = max(widths)
        spaced = any(f"{delimiter} " in line for line in lines)
        if len(widths) == 1 and (width > 2 or (width == 2 and len(lines) >= 5)) and not (delimiter == "," and spaced):
            return True
    return False
