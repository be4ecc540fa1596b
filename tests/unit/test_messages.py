"""The mails: nothing a visitor writes becomes a header, markup, or part of the answer."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest

from libs.events.catalogue import Attachment, SubmissionCreated
from services.notifier.messages import EXTRACT_CHARACTERS, owner_mail, plain_address, sender_mail

SID = "0123456789abcdef" * 2
FROM, OWNER, URL = "letterbox@letterbox.example", "owner@letterbox.example", "https://letterbox.example"
HEADERS = {
    *("From", "To", "Date", "Message-ID", "Subject", "Auto-Submitted", "Reply-To"),
    *("X-Auto-Response-Suppress", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
}
HOSTILE = (
    "Hi\r\nBcc: everyone@evil.example",
    "Hi\nBcc: everyone@evil.example",
    "Hi\rBcc: everyone@evil.example",
    "Hi\x00\x0b\x0c\x85\u2028Bcc: everyone@evil.example",
    "=?utf-8?q?Hi=0D=0ABcc:_everyone@evil.example?=",
    "=?utf-8?b?SGkNCkJjYzogZXZlcnlvbmVAZXZpbC5leGFtcGxl?=",
    "Hi\r\n\r\nA whole other body",
    "\r\n.\r\nMAIL FROM:<x@evil.example>",
    "x" * 5000,
    "é" * 400,
)


def submission(**fields: Any) -> SubmissionCreated:
    kept: dict[str, Any] = {
        "submission_id": SID,
        "form": "contact",
        "created_at": datetime(2026, 11, 3, tzinfo=UTC),
        "name": "Ada Lovelace",
        "email": "ada@visitor.example",
        "message": "Good morning.",
    }
    # Not validated: a mail must be harmless whatever an event holds.
    return SubmissionCreated.model_construct(**kept | fields)


def arrived(message: EmailMessage | None) -> EmailMessage:
    """The mail as its reader's program understands it."""
    assert message is not None
    return message_from_bytes(message.as_bytes(), policy=default)


def owners(**fields: Any) -> EmailMessage:
    return arrived(owner_mail(submission(**fields), FROM, OWNER, URL))


def text(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_the_owner_is_told_who_wrote_what_and_where_to_see_all_of_it() -> None:
    file = Attachment(
        number="1", object_key="k", filename="plan.pdf", content_type="application/pdf", size=9, sha256="0" * 64
    )
    mail = owners(subject_line="A lantern", attachments=(file,))
    assert (mail["From"], mail["To"]) == (f"Letterbox <{FROM}>", OWNER)
    assert mail["Subject"] == "New message: A lantern"
    assert mail["Reply-To"] == "ada@visitor.example"
    for kind in ("plain", "html"):
        for told in ("Ada Lovelace", "A lantern", "Good morning.", "plan.pdf", f"{URL}/search?contact={SID}"):
            assert told in text(mail, kind)


def test_without_a_subject_the_owner_sees_the_name() -> None:
    assert owners()["Subject"] == "New message: from Ada Lovelace"


@pytest.mark.parametrize("field", ["name", "subject_line", "email", "form", "message"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_a_visitor_writes_becomes_a_header_or_a_recipient(field: str, hostile: str) -> None:
    sent = submission(**{"subject_line": "Hi", field: hostile})
    for message in (owner_mail(sent, FROM, OWNER, URL), sender_mail(sent, FROM, URL)):
        if message is None:
            assert field == "email"
            continue
        raw, mail = message.as_bytes(), arrived(message)
        assert set(mail.keys()) <= HEADERS
        assert len(mail.keys()) == len(set(mail.keys()))
        assert [address.addr_spec for address in mail["To"].addresses] in ([OWNER], ["ada@visitor.example"])
        assert "\n" not in mail["Subject"]
        assert "\r" not in mail["Subject"]
        head = raw.split(b"\r\n\r\n", 1)[0]
        assert b"\nBcc" not in head.replace(b"\r", b"\n")
        assert all(len(line) <= 998 for line in raw.split(b"\r\n"))


def test_markup_in_the_owners_mail_is_only_text() -> None:
    markup = '<script>alert("x")</script><a href="https://evil.example">'
    page = text(owners(name=markup, subject_line=markup, message=markup), "html")
    assert "<script" not in page
    assert page.count("<a ") == 1
    assert "&lt;script&gt;" in page


def test_a_long_message_is_cut_between_words() -> None:
    body = text(owners(message="lighthouse " * 200), "plain")
    (extract,) = [line for line in body.splitlines() if line.startswith("lighthouse")]
    assert len(extract) <= EXTRACT_CHARACTERS + 2
    assert extract.endswith("lighthouse …")


def test_the_answer_repeats_nothing_of_what_was_sent() -> None:
    file = Attachment(number="1", object_key="k", filename="secret-plan.pdf", content_type="x", size=9, sha256="0" * 64)
    sent = submission(
        name="Grace", subject_line="Sextant", message="At the pier", metadata={"phone": "555"}, attachments=(file,)
    )
    message = sender_mail(sent, FROM, URL)
    mail = arrived(message)
    everything = mail.as_string() + text(mail, "plain")
    for secret in ("Grace", "Sextant", "pier", "555", "secret-plan"):
        assert secret not in everything
    assert mail["To"] == "ada@visitor.example"
    assert "Reply-To" not in mail
    assert mail["Auto-Submitted"] == "auto-replied"
    assert f"{URL}/contact/{SID}" in text(mail, "plain")


def test_the_same_mail_has_the_same_message_id_however_often_it_is_made() -> None:
    assert {owners()["Message-ID"] for _ in range(2)} == {f"<{SID}.owner@letterbox.example>"}
    assert arrived(sender_mail(submission(), FROM, URL))["Message-ID"] == f"<{SID}.sender@letterbox.example>"


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("ada@visitor.example", "ada@visitor.example"),
        ("ada.l+tag@a.b.visitor.example", "ada.l+tag@a.b.visitor.example"),
        ("o'neil@visitor.example", "o'neil@visitor.example"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_a_plain_address_is_answered(written: str, plain: str) -> None:
    address = plain_address(written)
    assert address is not None
    assert address.addr_spec == plain
    assert arrived(sender_mail(submission(email=written), FROM, URL))["To"] == plain


@pytest.mark.parametrize(
    "written",
    [
        *("", "ada", "@visitor.example", "ada@", "ada@localhost", "ada@-a.example", "ada@a..example"),
        *("Ada <ada@visitor.example>", "ada@visitor.example, eve@evil.example", '"a b"@visitor.example'),
        *("ada @visitor.example", "a\r\nBcc: b@visitor.example", "ada@visitor.example\n", "adä@visitor.example"),
        *("=?utf-8?q?ada?=@visitor.example", "ada@visitor.example>", "ada@[127.0.0.1]", "ada@faß.example"),
    ],
)
def test_what_is_no_plain_address_gets_no_answer_and_no_reply_to(written: str) -> None:
    assert plain_address(written) is None
    assert sender_mail(submission(email=written), FROM, URL) is None
    assert "Reply-To" not in owners(email=written)
