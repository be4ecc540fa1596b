"""What a document is when all of it is there: its beginning does not always tell the kinds of containers apart."""

import io
import zipfile

from aspose.email_foss.cfb import CFBError, CFBReader

from libs.objects import sniff

LOCKED = sniff.LOCKED
ARCHIVES = frozenset(
    {
        "application/x-tar", "application/gzip", "application/x-7z-compressed", "application/x-rar-compressed",
        "application/vnd.rar", "application/x-bzip2", "application/x-xz", "application/zstd", "application/x-lzip",
    }
)  # fmt: skip


def kind_of(content: bytes, content_type: str) -> str:
    """The content type, looked at more closely when it is a container's."""
    if content_type == sniff.ZIP:
        return _in_archive(content)
    if content_type == sniff.OLE:
        return _in_storage(content)
    return content_type


def _in_archive(content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
        return sniff.ZIP
    return sniff.kind_of_names(entries)


def _in_storage(content: bytes) -> str:
    try:
        names = [entry.name for entry in CFBReader(content).directory_entries]
    except (CFBError, ValueError, IndexError):
        return sniff.OLE
    return sniff.kind_of_streams(names)
