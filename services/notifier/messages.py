"""The mails themselves. Headers are set through the structured API only, so nothing a visitor writes can make one.

The sender's address appears only in the owner's Reply-To and as recipient of the answer; the answer never repeats
anything of what was sent.
"""

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

from libs.events.catalogue import SubmissionCreated

EXTRACT_CHARACTERS = 300
SUBJECT_CHARACTERS = 120

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9-]{2,63}")
"""A dot-atom and a host name (RFC 5321, 4.1.2): the only addresses that every mail server takes."""

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)


def owner_mail(submission: SubmissionCreated, mail_from: str, owner: str, public_url: str) -> EmailMessage:
    """The mail that tells the owner of a submission, with a link and a short extract."""
    message = _message(submission.submission_id, "owner", mail_from, owner)
    about = _line(submission.subject_line) or f"from {_line(submission.name)}"
    message["Subject"] = f"New message: {about}"[:SUBJECT_CHARACTERS]
    message["Auto-Submitted"] = "auto-generated"
    sender = plain_address(submission.email)
    if sender is not None:
        message["Reply-To"] = sender
    values = {
        "submission": submission,
        "extract": _extract(submission.message),
        "link": f"{public_url}/search?contact={submission.submission_id}",
    }
    message.set_content(_templates.get_template("owner.txt").render(values))
    message.add_alternative(_templates.get_template("owner.html").render(values), subtype="html")
    return message


def sender_mail(submission: SubmissionCreated, mail_from: str, public_url: str) -> EmailMessage | None:
    """The answer to the sender; None when there is no plain address to send it to."""
    sender = plain_address(submission.email)
    if sender is None:
        return None
    message = _message(submission.submission_id, "sender", mail_from, sender)
    message["Subject"] = "We have your message"
    message["Auto-Submitted"] = "auto-replied"
    message["X-Auto-Response-Suppress"] = "All"
    link = f"{public_url}/contact/{submission.submission_id}"
    message.set_content(_templates.get_template("answer.txt").render(link=link))
    return message


def plain_address(text: str) -> Address | None:
    """One plain address that every mail server takes, or None."""
    local, _, domain = text.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode("ascii")
        same = ascii_domain.encode("ascii").decode("idna") == domain.lower()
    except UnicodeError:
        return None
    if not same or "=?" in local or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(ascii_domain):
        return None
    return Address(username=local, domain=ascii_domain)


def _message(submission_id: str, target: str, mail_from: str, recipient: str | Address) -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = Address("Letterbox", addr_spec=mail_from)
    message["To"] = Address(addr_spec=recipient) if isinstance(recipient, str) else recipient
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = f"<{submission_id}.{target}@{mail_from.rpartition('@')[2]}>"
    return message


def _line(text: str) -> str:
    """`text` as one line without control characters, and without what the email package would decode (RFC 2047)."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line.replace("=?", "= ?")


def _extract(text: str) -> str:
    text = text.strip()
    return text if len(text) <= EXTRACT_CHARACTERS else text[:EXTRACT_CHARACTERS].rsplit(" ", 1)[0] + " …"
