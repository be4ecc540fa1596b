"""Pictures: their words by OCR, upright, frame by frame, in the language they are in."""

import pytest

from services.indexer.extract.ocr import chosen
from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.support import documents, files

WORDS = "Lighthouse harbour"
GERMAN = "Die Größe der Straße überrascht viele Gäste"
MISREAD = "Die GroBe der StraBe iiberrascht viele Gaste"


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (files.image(WORDS), "image/png"),
        (files.image(WORDS, "JPEG"), "image/jpeg"),
        (files.image(WORDS, "WEBP"), "image/webp"),
        (files.image(WORDS, "GIF"), "image/gif"),
        (files.image(WORDS, "BMP"), "image/bmp"),
        (files.image(WORDS, "AVIF"), "image/avif"),
        (documents.heic(WORDS), "image/heic"),
        (files.scanned_pdf(WORDS), "application/pdf"),
    ],
    ids=["png", "jpeg", "webp", "gif", "bmp", "avif", "heic", "scanned pdf"],
)
async def test_words_in_pictures_are_read_by_ocr(reader: Sandbox, content: bytes, content_type: str) -> None:
    extracted = await reader.read(content, content_type, Limits())
    assert WORDS in extracted.pages[0]
    assert extracted.ocr
    assert extracted.extractor.endswith("eng")


async def test_a_camera_s_note_how_to_turn_a_picture_is_followed(reader: Sandbox) -> None:
    extracted = await reader.read(documents.jpeg_on_its_side(WORDS), "image/jpeg", Limits())
    assert extracted.pages == (WORDS,)
    assert extracted.created == "2026-05-06T10:15:00"


async def test_each_frame_of_a_fax_is_a_page(reader: Sandbox) -> None:
    extracted = await reader.read(documents.tiff(WORDS, "Second page"), "image/tiff", Limits())
    assert (extracted.pages, extracted.page_count) == ((WORDS, "Second page"), 2)
    extracted = await reader.read(documents.tiff(WORDS, "Second page"), "image/tiff", Limits(ocr_pages=1))
    assert (extracted.pages, extracted.page_count) == ((WORDS,), 2)


async def test_pixels_are_counted_before_they_are_decoded(reader: Sandbox) -> None:
    with pytest.raises(Unreadable) as refusal:
        await reader.read(documents.heic(WORDS), "image/heic", Limits(pixels=1000))
    assert refusal.value.reason == "too_large"


def test_a_text_is_read_again_in_the_language_that_it_turns_out_to_be_in() -> None:
    readings = {"eng": MISREAD, "deu": GERMAN}
    assert chosen(readings.__getitem__, ("eng", "deu"))[:2] == (GERMAN, "deu")


def test_a_text_in_the_first_language_is_read_once() -> None:
    readings = {"eng": files.SENTENCE}
    assert chosen(readings.__getitem__, ("eng", "deu"))[:2] == (files.SENTENCE, "eng")


async def test_a_german_page_is_read_in_german(reader: Sandbox) -> None:
    extracted = await reader.read(documents.paper(GERMAN, GERMAN), "image/png", Limits())
    assert " ".join(extracted.pages[0].split()) == f"{GERMAN} {GERMAN}"
    assert extracted.extractor.endswith("deu")
    assert extracted.route[1] == "ocr: eng told that it is in deu"


async def test_only_the_languages_that_are_set_are_used() -> None:
    async with Sandbox(environment={"OCR_LANGUAGES": "deu"}) as reader:
        extracted = await reader.read(files.image(WORDS), "image/png", Limits())
    assert extracted.extractor.endswith("deu")
    assert extracted.route == ("ocr: read", "ocr: deu")
