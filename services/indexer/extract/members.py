"""Files inside archives and mails, as members; their text is read later, each in a process of its own."""

import email
import email.policy
import io
import zipfile
from email.message import EmailMessage

from services.indexer.extract.results import Extracted, Limits, Member, broken, encrypted, too_large

ZIP = "application/zip"
MAIL = "message/rfc822"
MOST = 500
"""Members looked at; the names of the rest are told all the same."""


def read_zip(content: bytes, limits: Limits) -> Extracted:
    """An archive's list of names as its text, and its files. Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            if any(info.flag_bits & 1 for info in files):
                raise encrypted()
            if sum(info.file_size for info in files) > limits.output_bytes // 2:
                raise too_large()
            members = tuple(Member(info.filename, archive.read(info)) for info in files[:MOST])
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
        raise broken() from None
    names = "\n".join(info.filename for info in files)
    return Extracted(pages=(names,), extractor="zipfile", members=members)


def of_mail(content: bytes) -> tuple[Member, ...]:
    """The attachments of a mail."""
    mail = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    found = []
    for part in mail.iter_attachments():
        body = part.get_payload(decode=True)
        if isinstance(body, bytes):
            found.append(Member(part.get_filename() or "file", body))
    return tuple(found[:MOST])
