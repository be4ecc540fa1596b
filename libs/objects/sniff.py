"""What a file is, told from its first bytes; what the client said of it does not count.

Binary formats by their magic numbers (`filetype`), Office formats by what is in the archive, text by being text. The
file's ending only tells kinds of text apart.
"""

import re
from pathlib import PurePosixPath

import filetype

PREFIX_BYTES = 64 * 1024
"""How much of a file is looked at."""
EMPTY = "application/x-empty"
UNKNOWN = "application/octet-stream"

TEXT_BY_ENDING = {
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".json": "application/json",
    ".eml": "message/rfc822",
    ".html": "text/html",
    ".htm": "text/html",
}
OFFICE = "application/vnd.openxmlformats-officedocument"
ARCHIVES = (
    (b"word/", f"{OFFICE}.wordprocessingml.document"),
    (b"xl/", f"{OFFICE}.spreadsheetml.sheet"),
    (b"ppt/", f"{OFFICE}.presentationml.presentation"),
    (b"META-INF/MANIFEST.MF", "application/java-archive"),
)
_MIMETYPE = re.compile(rb"mimetype(application/[a-z0-9.+-]+)")
_HTML = re.compile(rb"\s*(<!--.*?-->\s*)*<(!doctype html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_SVG = re.compile(rb"<svg\b", re.IGNORECASE)
_MAIL = re.compile(rb"(?:[A-Za-z0-9-]+: ?[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){2}")
_MAIL_HEADER = re.compile(rb"^(from|received|return-path|message-id|date|subject):", re.IGNORECASE | re.MULTILINE)


def content_type(prefix: bytes, filename: str) -> str:
    """The content type of a file that begins with `prefix`; `application/octet-stream` when it is none we know."""
    if not prefix:
        return EMPTY
    if prefix.startswith(b"PK\x03\x04"):
        return _archive(prefix)
    if prefix.lstrip()[:5] == b"{\\rtf":
        return "application/rtf"
    if b"%PDF-" in prefix[:1024]:
        return "application/pdf"
    kind = filetype.guess(prefix)
    if kind is not None:
        return {"text/rtf": "application/rtf", "image/heif": "image/heic"}.get(kind.mime, str(kind.mime))
    if _is_text(prefix):
        return _text(prefix, PurePosixPath(filename.lower()).suffix)
    return UNKNOWN


def _archive(prefix: bytes) -> str:
    """Office documents are ZIP archives; their kind is in the names of the members."""
    described = _MIMETYPE.search(prefix[:200])
    if described:
        return described.group(1).decode()
    for member, kind in ARCHIVES:
        if member in prefix:
            return kind
    return "application/zip"


def _is_text(prefix: bytes) -> bool:
    if prefix[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return True
    zeros = prefix.count(0)
    if zeros:  # UTF-16 without a mark: about every second byte of western text is zero, and only on one side
        even = prefix[::2].count(0)
        return zeros > len(prefix) // 4 and (even > zeros * 0.95 or even < zeros * 0.05)
    control = sum(prefix.count(byte) for byte in range(32) if byte not in (9, 10, 12, 13, 27))
    return control == 0


def _text(prefix: bytes, ending: str) -> str:
    if prefix.startswith(b"#!") or _SVG.search(prefix[:4096]):
        return UNKNOWN
    if _HTML.match(prefix.lstrip(b"\xef\xbb\xbf")):
        return "text/html"
    if ending == ".eml" or (_MAIL.match(prefix) and len(_MAIL_HEADER.findall(prefix[:4096])) >= 2):
        return "message/rfc822"
    return TEXT_BY_ENDING.get(ending, "text/plain")
