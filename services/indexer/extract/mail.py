"""Mails (RFC 5322): their headers and body as text, what is attached as documents of its own."""

from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from typing import TypeAlias

from services.indexer.extract import dates, html
from services.indexer.extract.attached import SIGNATURES, Attached
from services.indexer.extract.encoding import decoded
from services.indexer.extract.results import Extracted, Limits, broken

TYPES = frozenset({"message/rfc822"})
NAME = "email parser 1"
SHOWN = ("From", "To", "Cc", "Subject", "Date")
DEEPEST = 50
LONGEST_ENDING = 5
LOCKED = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime", "application/pgp-encrypted"})
MailPart: TypeAlias = "Message[str, str]"


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The mail's text and attachments. Raises Unreadable when it has not one header."""
    mail = message_from_bytes(content, policy=compat32)
    shown = [(name, _header(mail, name)) for name in SHOWN]
    if not any(value for _, value in shown):
        raise broken()
    attached = Attached(limits)
    bodies = [body for part in _parts(mail) if (body := _taken(part, attached))]
    head = "\n".join(f"{name}: {value}" for name, value in shown if value)
    name, address = parseaddr(_header(mail, "From"))
    locked = any(part.get_content_type() in LOCKED for part in mail.walk())
    return Extracted(
        pages=("\n\n".join((head, *bodies)),),
        extractor=NAME,
        title=_header(mail, "Subject")[:300],
        author=(name or address)[:300],
        created=dates.of_mail(_header(mail, "Date")),
        members=tuple(attached.members),
        left_out=tuple(attached.left_out),
        route=(*attached.told(), *(("its body is encrypted",) if locked else ())),
    )


def _parts(mail: MailPart) -> Iterator[MailPart]:
    """The parts that are shown or attached; of alternatives the one that reads best as text."""
    stack: list[tuple[int, MailPart]] = [(0, mail)]
    while stack:
        depth, part = stack.pop()
        if depth > DEEPEST:
            raise broken()
        if part.get_content_maintype() != "multipart" or not part.is_multipart():
            yield part
            continue
        inner = [child for child in part.get_payload() if isinstance(child, Message)]
        if part.get_content_subtype() == "alternative":
            inner = _best(inner)
        stack += [(depth + 1, child) for child in reversed(inner)]


def _best(alternatives: list[MailPart]) -> list[MailPart]:
    """Plain text if it says something, else the last part, which is the richest; what is attached there, too."""
    for part in alternatives:
        if part.get_content_type() == "text/plain" and _payload(part).strip():
            rest = [other for other in alternatives if _related(other)]
            return [part, *rest]
    return alternatives[-1:]


def _related(part: MailPart) -> bool:
    """Whether it may carry files beside a text that is there already."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for inner in part.walk():
            if inner.get_content_type() == "text/html" and inner.get_filename() is None:
                inner.set_payload("")
        return True
    return part.get_content_maintype() not in ("text", "multipart")


def _taken(part: MailPart, attached: Attached) -> str:
    """The text of a part of the body; of another part nothing, it is attached."""
    kind, filename = part.get_content_type(), _decoded(part.get_filename() or "")
    if kind in SIGNATURES or kind in LOCKED:
        return ""
    if kind == "message/rfc822":
        inner = part.get_payload(0) if part.is_multipart() else None
        if isinstance(inner, Message):
            attached.add(filename or f"{_header(inner, 'Subject')[:80] or 'message'}.eml", inner.as_bytes())
        return ""
    content = _payload(part)
    if part.get_content_disposition() != "attachment" and not filename and kind in ("text/plain", "text/html"):
        return _body(part, kind, content)
    subtype = part.get_content_subtype()
    ending = f".{subtype}" if subtype.isalnum() and len(subtype) <= LONGEST_ENDING else ""
    inline = part.get("Content-ID") is not None or part.get_content_disposition() == "inline"
    attached.add(filename or f"attachment{ending}", content, inline=inline)
    return ""


def _body(part: MailPart, kind: str, content: bytes) -> str:
    charset = part.get_content_charset("")
    try:
        text = content.decode(charset) if charset else decoded(content)
    except (LookupError, UnicodeError):
        text = decoded(content)
    return html.Page(text).text() if kind == "text/html" else text.replace("\r\n", "\n").strip()


def _payload(part: MailPart) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _header(mail: MailPart, name: str) -> str:
    value = next((value for key, value in mail.raw_items() if key.lower() == name.lower()), "")
    return _decoded(str(value))


def _decoded(text: str) -> str:
    """A header's words, whatever they are encoded in (RFC 2047, or bytes that should not be there)."""
    words = []
    try:
        pieces = decode_header(text)
    except ValueError:
        pieces = [(text, None)]
    for piece, charset in pieces:
        if isinstance(piece, str):
            words.append(_raw(piece))
            continue
        try:
            words.append(piece.decode(charset or "ascii"))
        except (LookupError, UnicodeError):
            words.append(decoded(piece))
    return " ".join("".join(words).split())


def _raw(text: str) -> str:
    """A header with bytes beyond ASCII, which the parser hides in surrogates."""
    try:
        return decoded(text.encode("ascii", "surrogateescape"))
    except UnicodeError:
        return text
