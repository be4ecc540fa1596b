"""ZIP archives: opened within limits, before and while they are unpacked; their files become documents of their own."""

import io
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence

from services.indexer.extract.results import Extracted, Limits, Member, broken, encrypted, no_text, too_large

TYPES = frozenset({"application/zip"})
NAME = "zipfile"
MOST_ENTRIES = 10_000
HIGHEST_RATIO = 400
"""Deflate cannot do more than 1032 to 1; spreadsheets reach 100."""
HARMLESS_BYTES = 32 << 20
"""Up to this size no ratio is a bomb."""
ENCRYPTED = 0x1
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""The others unpack without a bound on memory."""
LITTER = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError)


def opened(content: bytes, limits: Limits) -> zipfile.ZipFile:
    """The archive. Raises Unreadable when it is none, or says that it unpacks to more than is allowed."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except DAMAGE:
        raise broken() from None
    entries = archive.infolist()
    declared = sum(entry.file_size for entry in entries)
    ratio = declared / max(1, len(content))
    if len(entries) > MOST_ENTRIES or declared > limits.unpacked_bytes:
        raise too_large()
    if declared > HARMLESS_BYTES and ratio > HIGHEST_RATIO:
        raise too_large()
    return archive


def unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, most: int) -> bytes:
    """One file of the archive. Raises Unreadable when it is locked, damaged, or larger than `most` or than it says."""
    if entry.flag_bits & ENCRYPTED:
        raise encrypted()
    if entry.file_size > most:
        raise too_large()
    if entry.compress_type not in METHODS:
        raise broken()
    try:
        with archive.open(entry) as packed:
            return packed.read()  # never more than it says, and its check sum has to be right
    except RuntimeError:
        raise encrypted() from None
    except DAMAGE:
        raise broken() from None


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The names of the files in the archive as its text, and the files. Raises Unreadable when it is a bomb."""
    with opened(content, limits) as archive:
        files = list(_files(archive))
        if not files:
            raise no_text()
        if all(entry.flag_bits & ENCRYPTED for entry in files):
            raise encrypted()
        members, left_out = _members(archive, files, limits)
        reasons = Counter(reason for _, reason in left_out)
    names = "\n".join(entry.filename for entry in files)
    newest = max(entry.date_time for entry in files)
    return Extracted(
        pages=(names,),
        extractor=NAME,
        modified="{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(*newest),
        members=members,
        left_out=tuple(name for name, _ in left_out),
        route=(
            f"{NAME}: {len(members)} members",
            *(f"{NAME}: {count} left out, {reason}" for reason, count in reasons.items()),
        ),
    )


def _files(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """What is a file that somebody put there: no folder, no link, no litter of an operating system."""
    for entry in archive.infolist():
        mode = entry.external_attr >> 16
        if entry.is_dir() or stat.S_ISLNK(mode):
            continue
        if entry.filename.startswith(LITTER[0]) or entry.filename.rpartition("/")[2] in LITTER:
            continue
        yield entry


def _members(
    archive: zipfile.ZipFile, files: Sequence[zipfile.ZipInfo], limits: Limits
) -> tuple[tuple[Member, ...], list[tuple[str, str]]]:
    """The files within the limits, and the names of those that were left out, each with the reason."""
    members: list[Member] = []
    room = limits.members_bytes
    left_out: list[tuple[str, str]] = []
    for entry in files:
        reason = ""
        if len(members) >= limits.members:
            reason = "too many"
        elif entry.flag_bits & ENCRYPTED:
            reason = "encrypted"
        elif entry.compress_type not in METHODS:
            reason = "unknown compression"
        elif entry.file_size > room:
            reason = "too large together"
        if reason:
            left_out.append((entry.filename, reason))
            continue
        content = unpacked(archive, entry, room)
        room -= len(content)
        members.append(Member(entry.filename, content))
    return tuple(members), left_out
