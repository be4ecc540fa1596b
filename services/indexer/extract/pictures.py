"""Pictures of a document's pages, as the sandbox gives them back, and what they may cost. Needs no image library."""

from collections.abc import Sequence
from dataclasses import dataclass

PAGE_PIXELS = 1400
"""Longest side of a page's picture."""
THUMBNAIL_PIXELS = 320
"""Longest side of the small picture."""
PAGE_BYTES = 400 << 10
THUMBNAIL_BYTES = 30 << 10

_HEADER_BYTES = 30
_KEY_FRAME = b"\x9d\x01\x2a"


@dataclass(frozen=True, slots=True)
class Pictures:
    """A document's first pages, drawn anew from their pixels."""

    thumbnail: bytes
    """Of the first page."""
    pages: tuple[bytes, ...]

    def told(self) -> tuple[dict[str, object], tuple[bytes, ...]]:
        """Nothing but the pictures themselves, the thumbnail first."""
        return {}, (self.thumbnail, *self.pages)

    @classmethod
    def heard(cls, blobs: Sequence[bytes], most_pages: int) -> "Pictures":
        """From what a hostile process told. Raises ValueError when that is anything but small plain pictures."""
        thumbnail, *pages = blobs
        if not 1 <= len(pages) <= most_pages:
            raise ValueError("not as many pictures as were asked for")
        _check(thumbnail, THUMBNAIL_PIXELS, THUMBNAIL_BYTES)
        for page in pages:
            _check(page, PAGE_PIXELS, PAGE_BYTES)
        return cls(thumbnail, tuple(pages))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the first page's picture."""
        return dimensions(self.pages[0])


def dimensions(webp: bytes) -> tuple[int, int]:
    """Width and height of a picture that is one WebP key frame and nothing else: no metadata, no animation, no rest.

    Raises ValueError when it is not (RFC 9649, simple file format; RFC 6386, section 9.1).
    """
    frame = int.from_bytes(webp[16:20], "little")
    whole = webp[:4] == b"RIFF" and webp[8:16] == b"WEBPVP8 " and int.from_bytes(webp[4:8], "little") == len(webp) - 8
    if not whole or len(webp) < _HEADER_BYTES or frame + frame % 2 != len(webp) - 20 or webp[23:26] != _KEY_FRAME:
        raise ValueError("not a plain picture")
    return int.from_bytes(webp[26:28], "little") & 0x3FFF, int.from_bytes(webp[28:30], "little") & 0x3FFF


def _check(webp: bytes, most_pixels: int, most_bytes: int) -> None:
    if len(webp) > most_bytes or not 0 < max(dimensions(webp)) <= most_pixels:
        raise ValueError("a picture is larger than is allowed")
