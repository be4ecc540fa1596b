"""Each limit on what is read of a document is proven by a document beyond it, and by the same one within it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.indexer.sandbox import Extracted, Limits, Sandbox, Unreadable
from tests.corpus.made import page_image
from tests.hostile.archives import flat_zip, with_bomb
from tests.support import files

PDF, WIDE = "application/pdf", Limits()
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


async def _reason(sandbox: Sandbox, content: bytes, kind: str, limits: Limits) -> str:
    try:
        await sandbox.read(content, kind, limits)
    except Unreadable as refusal:
        return refusal.reason
    return "read"


def _found(extracted: Extracted, words: str) -> int:
    return sum(words in page for page in extracted.pages)


async def test_pages_beyond_the_limit_are_left_out(sandbox: Sandbox) -> None:
    content = files.pdf(*["the same page"] * 5)
    assert _found(await sandbox.read(content, PDF, replace(WIDE, pages=2)), "the same page") == 2
    assert _found(await sandbox.read(content, PDF, WIDE), "the same page") == 5


async def test_pictures_of_pages_beyond_the_limit_are_not_looked_at(sandbox: Sandbox) -> None:
    content = files.scanned_pdfs("Lighthouse harbour", 3)
    assert _found(await sandbox.read(content, PDF, replace(WIDE, ocr_pages=1)), "Lighthouse harbour") == 1
    assert _found(await sandbox.read(content, PDF, WIDE), "Lighthouse harbour") == 3


async def test_a_picture_with_more_pixels_than_allowed_is_refused(sandbox: Sandbox) -> None:
    content = page_image("PNG")
    assert await _reason(sandbox, content, "image/png", replace(WIDE, pixels=500_000)) == "too_large"
    assert await _reason(sandbox, content, "image/png", WIDE) == "read"


async def test_text_beyond_the_limit_is_left_out(sandbox: Sandbox) -> None:
    content = b"lantern " * 1000
    short = await sandbox.read(content, "text/plain", replace(WIDE, text_bytes=800))
    assert len(short.pages[0]) == 800
    assert len((await sandbox.read(content, "text/plain", WIDE)).pages[0]) == 8000


async def test_a_document_that_needs_more_memory_than_allowed_is_refused(sandbox: Sandbox) -> None:
    content = page_image("PNG")
    assert await _reason(sandbox, content, "image/png", replace(WIDE, memory_bytes=300 << 20)) != "read"
    assert await _reason(sandbox, content, "image/png", WIDE) == "read"


@pytest.mark.parametrize(
    ("content", "kind"),
    [(with_bomb(files.docx(), "word/document.xml", b"<w:p/>", 700), WORD), (flat_zip(), "application/zip")],
    ids=["docx", "zip"],
)
async def test_a_bomb_is_refused_before_it_is_unpacked(sandbox: Sandbox, content: bytes, kind: str) -> None:
    tight = replace(WIDE, memory_bytes=600 << 20, cpu_seconds=2)
    assert await _reason(sandbox, content, kind, tight) in ("too_large", "unsupported")
