"""Plain text, CSV, Markdown and JSON: decoded by us, because the other readers guess their encoding badly."""

import codecs

from charset_normalizer import from_bytes

from services.indexer.extract.results import Extracted, Limits

TYPES = frozenset({"text/plain", "text/csv", "text/markdown", "application/json"})
GUESS_BYTES = 1 << 20
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read(content: bytes, limits: Limits) -> Extracted:
    """The text of `content`, up to the limit, whatever its encoding; what cannot be decoded becomes U+FFFD."""
    content = content[: limits.text_bytes]
    encoding = encoding_of(content)
    text = content.decode(encoding, errors="replace").replace("\x00", "")
    return Extracted(pages=(text,), extractor=f"text {encoding}")


def encoding_of(content: bytes) -> str:
    """The encoding of a text: its mark, UTF-8 when it is valid, UTF-16 by its zero bytes, otherwise the best guess."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    if b"\x00" in content[:4096]:
        even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
        return "utf-16-le" if odd >= even else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 4 and len(content) > 4:  # cut in the middle of a character by the limit
            return "utf-8"
    else:
        return "utf-8"
    guess = from_bytes(content[:GUESS_BYTES]).best()
    return guess.encoding if guess is not None else "cp1252"
