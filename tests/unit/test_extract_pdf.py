"""PDF: pages, what is written on them, files inside, and OCR only where there is no text layer."""

import pytest

from services.indexer.sandbox import Limits, Sandbox
from tests.support import documents, files

PDF = "application/pdf"


async def test_a_pdf_is_read_page_by_page_with_its_title(reader: Sandbox) -> None:
    extracted = await reader.read(files.pdf("first page", "second page", title="Lantern"), PDF, Limits())
    assert [page.strip() for page in extracted.pages] == ["first page", "second page"]
    assert (extracted.title, extracted.page_count, extracted.ocr) == ("Lantern", 2, False)


async def test_what_was_filled_into_a_form_and_noted_on_it_is_text(reader: Sandbox) -> None:
    extracted = await reader.read(documents.pdf_form(), PDF, Limits())
    assert extracted.pages[0].splitlines() == [
        "Order form for the harbour",
        "customer: Grace Hopper",
        "express: Yes",
        "Call before noon",
    ]


async def test_a_pdf_says_who_made_it_and_when(reader: Sandbox) -> None:
    extracted = await reader.read(documents.pdf_form(), PDF, Limits())
    assert (extracted.title, extracted.author) == (documents.TITLE, documents.AUTHOR)
    assert (extracted.created, extracted.modified) == ("2026-05-06T10:15:00+00:00", "2026-05-07T08:30:00+02:00")


async def test_a_file_inside_a_pdf_is_a_member(reader: Sandbox) -> None:
    extracted = await reader.read(documents.pdf_form(), PDF, Limits())
    assert [(member.filename, member.content) for member in extracted.members] == [
        ("bell.txt", b"The harbour bell rings.")
    ]


async def test_only_pages_without_a_text_layer_are_read_by_ocr(reader: Sandbox) -> None:
    extracted = await reader.read(documents.pdf_mixed("Harbour scan"), PDF, Limits())
    assert extracted.pages[0].strip() == files.SENTENCE
    assert extracted.pages[1] == "Harbour scan"
    assert extracted.pages[2].startswith("Harbour scan")  # although its page number is text
    assert extracted.ocr
    assert "ocr: 2 of 3 pages have no text layer" in extracted.route


@pytest.mark.parametrize("turned", [90, 180, 270])
async def test_a_scan_that_lies_on_its_side_is_turned(reader: Sandbox, turned: int) -> None:
    lines = [f"Line {number} of a letter about the lantern of the lighthouse" for number in range(1, 13)]
    extracted = await reader.read(documents.paper(*lines, turned=turned), "image/png", Limits())
    assert lines[4] in " ".join(extracted.pages[0].split())


async def test_no_more_pages_are_read_than_allowed(reader: Sandbox) -> None:
    extracted = await reader.read(files.pdf("one", "two", "three"), PDF, Limits(pages=2))
    assert (len(extracted.pages), extracted.page_count) == (2, 3)
