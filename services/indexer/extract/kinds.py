"""What a document is when all of it is there: its beginning does not always tell the kinds of containers apart."""

import io
import zipfile

from aspose.email_foss.cfb import CFBError, CFBReader

from libs.objects import sniff

LOCKED = sniff.LOCKED
ENCRYPTED_FLAG = 0x1
"""In the second byte of the flags at the beginning of a Word document."""
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


def locked(content: bytes) -> bool:
    """Whether a Word or PowerPoint document from before 2007 has a password (MS-DOC 2.5.2, MS-PPT 2.3.7)."""
    try:
        storage = CFBReader(content)
        streams = {entry.name: entry.stream_id for entry in storage.iter_children(0) if entry.is_stream()}
        word = storage.get_stream_data(streams["WordDocument"])[:12] if "WordDocument" in streams else b""
    except (CFBError, ValueError, IndexError):
        return False
    return "EncryptedSummary" in streams or (len(word) == 12 and bool(word[11] & ENCRYPTED_FLAG))


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
