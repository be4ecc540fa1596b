"""Every format's text is found, in the real sandbox; what cannot be read says why in words for people."""

from collections.abc import AsyncIterator

import pytest

from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.support import files

OFFICE = "application/vnd.openxmlformats-officedocument"
PDF = "application/pdf"


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (files.pdf(files.SENTENCE), PDF),
        (files.docx(), f"{OFFICE}.wordprocessingml.document"),
        (files.xlsx(), f"{OFFICE}.spreadsheetml.sheet"),
        (files.pptx(), f"{OFFICE}.presentationml.presentation"),
        (files.odt(), "application/vnd.oasis.opendocument.text"),
        (files.rtf(), "application/rtf"),
        (files.html(), "text/html"),
        (files.eml(), "message/rfc822"),
        (files.SENTENCE.encode(), "text/plain"),
        (f"a,b\n{files.SENTENCE},2\n".encode(), "text/csv"),
        (f"# Title\n\n{files.SENTENCE}\n".encode(), "text/markdown"),
    ],
    ids=["pdf", "docx", "xlsx", "pptx", "odt", "rtf", "html", "eml", "txt", "csv", "md"],
)
async def test_the_text_of_each_format_is_found(sandbox: Sandbox, content: bytes, content_type: str) -> None:
    extracted = await sandbox.read(content, content_type, Limits())
    assert files.SENTENCE in " ".join("\n".join(extracted.pages).split())
    assert extracted.extractor


async def test_the_attachment_of_a_mail_is_read_too(sandbox: Sandbox) -> None:
    extracted = await sandbox.read(files.eml(attachment="The harbour bell rings."), "message/rfc822", Limits())
    assert "harbour bell" in "\n".join(extracted.pages)


async def test_a_pdf_is_read_page_by_page_with_its_title(sandbox: Sandbox) -> None:
    extracted = await sandbox.read(files.pdf("first page", "second page", title="Lantern"), PDF, Limits())
    assert [page.strip() for page in extracted.pages] == ["first page", "second page"]
    assert (extracted.title, extracted.page_count, extracted.ocr) == ("Lantern", 2, False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252"])
async def test_plain_text_is_decoded_whatever_its_encoding(sandbox: Sandbox, encoding: str) -> None:
    text = "Grüße aus Zürich, die Straße ist überschwemmt – schöne Bescherung. " * 5
    extracted = await sandbox.read(text.encode(encoding), "text/plain", Limits())
    assert extracted.pages[0].lstrip("\ufeff") == text


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (files.image("Lighthouse harbour"), "image/png"),
        (files.image("Lighthouse harbour", "JPEG"), "image/jpeg"),
        (files.image("Lighthouse harbour", "TIFF"), "image/tiff"),
        (files.scanned_pdf("Lighthouse harbour"), PDF),
    ],
    ids=["png", "jpeg", "tiff", "scanned pdf"],
)
async def test_words_in_pictures_are_read_by_ocr(sandbox: Sandbox, content: bytes, content_type: str) -> None:
    extracted = await sandbox.read(content, content_type, Limits())
    assert "Lighthouse harbour" in extracted.pages[0]
    assert extracted.ocr


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (files.pdf(password="secret"), PDF, "encrypted"),
        (b"%PDF-1.7\nnothing of a PDF follows", PDF, "broken"),
        (b"PK\x03\x04 no archive", f"{OFFICE}.wordprocessingml.document", "broken"),
        (b"", "application/x-empty", "empty"),
        (b"  \n ", "text/plain", "no_text"),
        (files.image(""), "image/png", "no_text"),
        (files.pixel_bomb(), "image/png", "too_large"),
        (files.zip_bomb_docx(), f"{OFFICE}.wordprocessingml.document", "too_large"),
        (b"\x7fELF", "application/x-executable", "unsupported"),
    ],
    ids=[
        "encrypted",
        "broken pdf",
        "broken docx",
        "empty",
        "blank",
        "blank image",
        "pixel bomb",
        "zip bomb",
        "unknown",
    ],
)
async def test_what_cannot_be_read_says_why(sandbox: Sandbox, content: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        await sandbox.read(content, content_type, Limits())
    assert refusal.value.reason == reason
    assert refusal.value.message.endswith(".")
