"""What a file is, told from its first bytes; what the client said of it does not count.

Binary formats by their magic numbers (`filetype`), containers by what is in them, text by being text. The file's ending
only tells kinds of text apart that look alike.
"""

import re
from collections.abc import Collection
from pathlib import PurePosixPath

import filetype

from libs.objects.sniff_text import decoded, kind_of_text, utf16_without_mark

__all__ = ["content_type", "kind_of_names", "kind_of_streams", "utf16_without_mark"]

PREFIX_BYTES = 64 * 1024
"""How much of a file is looked at."""
EMPTY = "application/x-empty"
UNKNOWN = "application/octet-stream"
ZIP = "application/zip"
OLE = "application/x-ole-storage"
"""Microsoft's older container, of none of the kinds below."""
LOCKED = "application/encrypted"
"""An Office document with a password: the container says no more than that."""

OFFICE = "application/vnd.openxmlformats-officedocument"
ARCHIVES = (
    ("word/", f"{OFFICE}.wordprocessingml.document"),
    ("xl/", f"{OFFICE}.spreadsheetml.sheet"),
    ("ppt/", f"{OFFICE}.presentationml.presentation"),
)
MAIN_PARTS = frozenset({"word/document.xml", "xl/workbook.xml", "ppt/presentation.xml"})
OFFICE_BEGINS = "[Content_Types].xml"
OFFICE_PARTS = frozenset({OFFICE_BEGINS, "_rels/.rels", "docProps/app.xml", "docProps/core.xml"})
"""At least one of them comes early, whatever program wrote the document."""
BINARY_WORKBOOK = "xl/workbook.bin"
BINARY_SHEET = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
STREAMS = (
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("EncryptedPackage", LOCKED),
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
)
OLE_BEGINS = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENTRY_BYTES, NAME_BYTES = 128, 64
HEADER_BYTES = 30
LENGTH_UNKNOWN = 0x8
HEIF = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})
AVIF = frozenset({b"avif", b"avis"})
_MIMETYPE = re.compile(rb"mimetype(application/[a-z0-9.+-]+)")


def content_type(prefix: bytes, filename: str) -> str:
    """The content type of a file that begins with `prefix`; `application/octet-stream` when it is none we know."""
    if not prefix:
        return EMPTY
    if prefix.startswith(b"PK\x03\x04"):
        return _archive(prefix)
    if prefix.startswith(b"PK\x05\x06"):
        return ZIP  # without a file in it
    if prefix.startswith(OLE_BEGINS):
        return _storage(prefix)
    if prefix.lstrip()[:5] == b"{\\rtf":
        return "application/rtf"
    if b"%PDF-" in prefix[:1024]:
        return "application/pdf"
    if prefix[4:8] == b"ftyp" and (image := _image(prefix)):
        return image
    kind = filetype.guess(prefix)
    if kind is not None:
        return {"text/rtf": "application/rtf"}.get(kind.mime, str(kind.mime))
    text = decoded(prefix)
    if text is None:
        return UNKNOWN
    ending = PurePosixPath(filename.lower()).suffix
    return kind_of_text(text, ending, cut=len(prefix) >= PREFIX_BYTES) or UNKNOWN


def kind_of_names(names: Collection[str]) -> str:
    """What a ZIP archive is whose files have these names: Office documents and programs are such archives."""
    if BINARY_WORKBOOK in names:
        return BINARY_SHEET
    if (OFFICE_PARTS | MAIN_PARTS) & set(names):
        for folder, kind in ARCHIVES:
            if any(name.startswith(folder) for name in names):
                return kind
    if "META-INF/MANIFEST.MF" in names:
        return "application/java-archive"
    return ZIP


def kind_of_streams(names: Collection[str]) -> str:
    """What an OLE container is whose streams have these names."""
    return next((kind for name, kind in STREAMS if name in names), OLE)


def _archive(prefix: bytes) -> str:
    described = _MIMETYPE.search(prefix[:200])
    if described:
        return described.group(1).decode()
    names = _names(prefix)
    kind = kind_of_names(names)
    if kind == ZIP and OFFICE_BEGINS in names:  # the telling names come after the first 64 KiB, or are packed
        return next((kind for folder, kind in ARCHIVES if folder.encode() in prefix), ZIP)
    return kind


def _names(prefix: bytes) -> list[str]:
    """The names of the files that begin in the prefix; not those of archives inside."""
    names, place = [], 0
    while prefix[place : place + 4] == b"PK\x03\x04":
        header = prefix[place : place + HEADER_BYTES]
        packed = int.from_bytes(header[18:22], "little")
        name_bytes, extra_bytes = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        begin = place + HEADER_BYTES
        names.append(prefix[begin : begin + name_bytes].decode("utf-8", "replace"))
        place = begin + name_bytes + extra_bytes + packed
        if int.from_bytes(header[6:8], "little") & LENGTH_UNKNOWN and not packed:
            place = prefix.find(b"PK\x03\x04", place)
            if place < 0:
                break
    return names


def _storage(prefix: bytes) -> str:
    """By the names in the directory, when that is in the prefix; else by names anywhere in it."""
    sector = 1 << min(12, int.from_bytes(prefix[30:32], "little"))
    begin = (int.from_bytes(prefix[48:52], "little") + 1) * sector
    names = set()
    for place in range(begin, len(prefix) - ENTRY_BYTES + 1, ENTRY_BYTES):
        length = int.from_bytes(prefix[place + NAME_BYTES : place + NAME_BYTES + 2], "little")
        if 2 <= length <= NAME_BYTES:
            names.add(prefix[place : place + length - 2].decode("utf-16-le", "replace"))
    kind = kind_of_streams(names)
    if kind == OLE:
        return next((kind for name, kind in STREAMS if _entry(name) in prefix), OLE)
    return kind


def _entry(name: str) -> bytes:
    """How a directory entry of this name begins."""
    return name.encode("utf-16-le").ljust(NAME_BYTES, b"\x00")


def _image(prefix: bytes) -> str:
    """HEIC or AVIF: which of the family is in the brands; nothing for films."""
    size = min(int.from_bytes(prefix[:4], "big"), 256)
    brands = {prefix[8:12], *(prefix[place : place + 4] for place in range(16, size, 4))}
    if brands & AVIF:
        return "image/avif"
    return "image/heic" if prefix[8:12] in HEIF or brands & {b"heic", b"heix"} else ""
