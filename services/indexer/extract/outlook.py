"""Outlook's messages (MS-OXMSG): headers and body as text, what is attached as documents of its own."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from importlib.metadata import version

from aspose.email_foss.cfb import CFBError, CFBReader, DirectoryEntry

from services.indexer.extract import dates, html, rtf
from services.indexer.extract.attached import Attached
from services.indexer.extract.compressed_rtf import unpacked
from services.indexer.extract.encoding import decoded
from services.indexer.extract.results import Extracted, Limits, Unreadable, broken

TYPES = frozenset({"application/vnd.ms-outlook"})
NAME = f"outlook parser 1 (aspose-email-foss {version('aspose-email-foss')})"
ROOT = 0
DEEPEST = 5
"""Messages within messages within messages."""
SUBJECT, SENT, RECEIVED, SENDER, SENDER_ADDRESS, SENDER_SMTP = 0x0037, 0x0039, 0x0E06, 0x0C1A, 0x0C1F, 0x5D01
TO, CC, BODY, HTML, RTF = 0x0E04, 0x0E03, 0x1000, 0x1013, 0x1009
DATA, SHORT_NAME, LONG_NAME, SHOWN_NAME, CONTENT_ID, HIDDEN = 0x3701, 0x3704, 0x3707, 0x3001, 0x3712, 0x7FFE
CODE_PAGES = (0x3FFD, 0x3FDE)
"""Property numbers (MS-OXPROPS)."""
UNICODE, BYTES, BINARY = 0x001F, 0x001E, 0x0102
PROPERTIES, STREAM, ATTACHMENT, EMBEDDED = (
    "__properties_version1.0",
    "__substg1.0_",
    "__attach_version1.0_",
    f"__substg1.0_{DATA:04X}000D",
)


@dataclass(slots=True)
class Storage:
    """The properties of a message, or of an attachment."""

    streams: dict[tuple[int, int], bytes] = field(default_factory=dict)
    fixed: dict[int, bytes] = field(default_factory=dict)
    storages: list[DirectoryEntry] = field(default_factory=list)
    encoding: str = "cp1252"

    def text(self, number: int) -> str:
        """A property that is text."""
        if (number, UNICODE) in self.streams:
            found = self.streams[number, UNICODE].decode("utf-16-le", "replace")
        else:
            found = self.streams.get((number, BYTES), b"").decode(self.encoding, "replace")
        return found.rstrip("\x00")

    def line(self, number: int) -> str:
        """A property that is text on one line."""
        return " ".join(self.text(number).split())

    def time(self, *numbers: int) -> str:
        """The first of the properties that is a time."""
        ticks = (int.from_bytes(self.fixed.get(number, b""), "little") for number in numbers)
        return next((dates.of_filetime(count) for count in ticks if count), "")

    def number(self, number: int) -> int:
        """A property that is a small number."""
        return int.from_bytes(self.fixed.get(number, b"")[:4], "little")


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The message's text and attachments. Raises Unreadable when it is damaged."""
    try:
        file = CFBReader(content)
        message = _storage(file, ROOT, 32)
        attached = Attached(limits)
        _attach(file, message, attached, limits)
    except (CFBError, struct.error, IndexError, ValueError):
        raise broken() from None
    if not message.streams:
        raise broken()
    head = "\n".join(f"{name}: {value}" for name, value in _head(message).items() if value)
    return Extracted(
        pages=("\n\n".join(filter(None, (head, _body(message, limits)))),),
        extractor=NAME,
        title=message.line(SUBJECT)[:300],
        author=(message.line(SENDER) or _sender(message))[:300],
        created=message.time(SENT, RECEIVED),
        members=tuple(attached.members),
        left_out=tuple(attached.left_out),
        route=attached.told(),
    )


def _storage(file: CFBReader, number: int, header_bytes: int) -> Storage:
    """The properties below one storage: large ones are streams, small ones in a table (MS-OXMSG 2.4)."""
    found = Storage()
    for child in file.iter_children(number):
        if child.is_stream() and child.name == PROPERTIES:
            table = file.get_stream_data(child.stream_id)[header_bytes:]
            for start in range(0, len(table) - 15, 16):
                tag = int.from_bytes(table[start : start + 4], "little")
                found.fixed[tag >> 16] = table[start + 8 : start + 16]
        elif child.is_stream() and child.name.startswith(STREAM):
            tag = int(child.name[len(STREAM) :][:8], 16)
            found.streams[tag >> 16, tag & 0xFFFF] = file.get_stream_data(child.stream_id)
        elif child.is_storage():
            found.storages.append(child)
    found.encoding = _encoding(found)
    return found


def _encoding(found: Storage) -> str:
    for number in CODE_PAGES:
        name = f"cp{found.number(number)}"
        name = {"cp65001": "utf-8", "cp28591": "cp1252", "cp936": "gb18030"}.get(name, name)
        try:
            b"".decode(name)
        except LookupError:
            continue
        return name
    return "cp1252"


def _head(message: Storage) -> dict[str, str]:
    name, address = message.line(SENDER), _sender(message)
    return {
        "From": f"{name} <{address}>" if name and address and name != address else name or address,
        "To": message.line(TO),
        "Cc": message.line(CC),
        "Subject": message.line(SUBJECT),
        "Date": message.time(SENT, RECEIVED),
    }


def _sender(message: Storage) -> str:
    """The address, which inside a company may be no mail address."""
    found = (message.line(number) for number in (SENDER_SMTP, SENDER_ADDRESS))
    return next((address for address in found if "@" in address), "")


def _body(message: Storage, limits: Limits) -> str:
    plain = message.text(BODY).replace("\r\n", "\n").strip()
    if plain:
        return plain
    source = message.streams.get((HTML, BINARY))
    if source or message.text(HTML):
        return html.Page(html.decoded(source) if source else message.text(HTML)).text()
    packed = message.streams.get((RTF, BINARY))
    if packed is None:
        return ""
    try:
        return "\n".join(rtf.read(unpacked(packed, limits.text_bytes), "", limits).pages)
    except (Unreadable, IndexError):
        return ""


def _attachments(file: CFBReader, message: Storage) -> Iterator[Storage]:
    for child in message.storages:
        if child.name.startswith(ATTACHMENT):
            yield _storage(file, child.stream_id, 8)


def _attach(file: CFBReader, message: Storage, attached: Attached, limits: Limits) -> None:
    for attachment in _attachments(file, message):
        name = next(filter(None, map(attachment.line, (LONG_NAME, SHORT_NAME, SHOWN_NAME))), "attachment")
        inner = next((one for one in attachment.storages if one.name == EMBEDDED), None)
        if inner is not None:
            content = _mail(file, inner, limits, 1).as_bytes()
            attached.add(f"{name.removesuffix('.msg')[:80]}.eml", content)
            continue
        inline = bool(attachment.text(CONTENT_ID)) or bool(attachment.number(HIDDEN))
        attached.add(name, attachment.streams.get((DATA, BINARY), b""), inline=inline)


def _mail(file: CFBReader, entry: DirectoryEntry, limits: Limits, depth: int) -> EmailMessage:
    """A message within a message, as a mail that can be read by itself."""
    message = _storage(file, entry.stream_id, 24)
    mail = EmailMessage()
    for name, value in _head(message).items():
        mail[name] = decoded(value.encode("utf-8", "replace"))[:2000]
    mail.set_content(_body(message, limits))
    for attachment in _attachments(file, message):
        name = next(filter(None, map(attachment.line, (LONG_NAME, SHORT_NAME, SHOWN_NAME))), "attachment")
        inner = next((one for one in attachment.storages if one.name == EMBEDDED), None)
        if inner is not None and depth < DEEPEST:
            mail.add_attachment(_mail(file, inner, limits, depth + 1))
        elif inner is None:
            content = attachment.streams.get((DATA, BINARY), b"")
            mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail
