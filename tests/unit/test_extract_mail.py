"""Mails: headers and body are the text, what is attached becomes a document of its own."""

import pytest

from services.indexer.sandbox import Limits, Sandbox
from tests.support import documents, files

EML, MSG = "message/rfc822", "application/vnd.ms-outlook"


async def test_a_mail_is_its_headers_and_its_body(reader: Sandbox) -> None:
    extracted = await reader.read(documents.mail().as_bytes(), EML, Limits())
    assert extracted.pages[0].splitlines() == [
        "From: Ada Lovelace <ada@example.org>",
        "To: office@example.org",
        "Cc: grace@example.org",
        "Subject: Größe der Laterne",
        "Date: Wed, 06 May 2026 10:15:00 +0000",
        "",
        files.SENTENCE,
    ]
    assert (extracted.title, extracted.author) == ("Größe der Laterne", "Ada Lovelace")
    assert extracted.created == "2026-05-06T10:15:00+00:00"


async def test_attachments_pictures_and_mails_inside_are_members_and_logos_are_not(reader: Sandbox) -> None:
    extracted = await reader.read(documents.mail().as_bytes(), EML, Limits())
    assert [member.filename for member in extracted.members] == [
        "plan.png",
        "Glocke 1 übrig.txt",
        "Earlier question.eml",
    ]
    assert extracted.members[1].content == b"The harbour bell rings."
    inner = await reader.read(extracted.members[2].content, EML, Limits())
    assert "When does the harbour bell ring?" in inner.pages[0]


async def test_no_more_is_taken_out_of_a_mail_than_allowed(reader: Sandbox) -> None:
    extracted = await reader.read(documents.mail().as_bytes(), EML, Limits(members=1))
    assert len(extracted.members) == 1
    assert "2 left out, too many" in extracted.route
    assert extracted.left_out == ("Glocke 1 übrig.txt", "Earlier question.eml")
    extracted = await reader.read(documents.mail().as_bytes(), EML, Limits(members_bytes=300))
    assert [member.filename for member in extracted.members] == ["Glocke 1 übrig.txt", "Earlier question.eml"]


async def test_a_mail_without_plain_text_is_read_from_its_page(reader: Sandbox) -> None:
    content = b"From: a@example.org\nSubject: x\nContent-Type: text/html; charset=utf-8\n\n<p>Hello<script>no</script>"
    extracted = await reader.read(content, EML, Limits())
    assert extracted.pages[0].endswith("\n\nHello")


async def test_a_header_with_bytes_that_should_not_be_there_is_decoded(reader: Sandbox) -> None:
    content = "From: Jürgen <j@example.org>\nSubject: Größe der Straße\n\nText".encode("cp1252")
    extracted = await reader.read(content, EML, Limits())
    assert (extracted.title, extracted.author) == ("Größe der Straße", "Jürgen")


@pytest.mark.parametrize("charset", ["koi8-r", "x-unknown", ""])
async def test_a_body_in_another_encoding_is_decoded_even_when_it_does_not_say_which(
    reader: Sandbox, charset: str
) -> None:
    text = "Добрый день, пришлите пожалуйста счёт за ремонт фонаря на маяке."
    kind = f"Content-Type: text/plain; charset={charset}\n" if charset else ""
    content = f"From: a@example.org\nSubject: x\n{kind}\n".encode() + text.encode("koi8-r")
    extracted = await reader.read(content, EML, Limits())
    assert text in extracted.pages[0]


async def test_an_outlook_message_is_read_like_a_mail(reader: Sandbox) -> None:
    extracted = await reader.read(documents.outlook(), MSG, Limits())
    assert extracted.pages[0].splitlines() == [
        "From: Ada Lovelace <ada@example.org>",
        "To: Office <office@example.org>",
        "Subject: Größe der Laterne",
        "Date: 2026-05-06T10:15:00+00:00",
        "",
        files.SENTENCE,
    ]
    assert (extracted.title, extracted.author) == ("Größe der Laterne", "Ada Lovelace")
    assert extracted.created == "2026-05-06T10:15:00+00:00"
    assert [member.filename for member in extracted.members] == ["bell.txt", "plan.pdf", "Earlier question.eml"]
    assert extracted.members[1].content.startswith(b"%PDF")
    inner = await reader.read(extracted.members[2].content, EML, Limits())
    assert (inner.title, "harbour bell" in inner.pages[0]) == ("Earlier question", True)
