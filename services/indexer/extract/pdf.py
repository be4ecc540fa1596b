"""PDF: its text layer by pypdfium2, page by page; pages that are pictures by OCR; damaged files by xberg."""

import io
from importlib.metadata import version

import pypdfium2 as pdfium
import xberg

from services.indexer.extract import ocr
from services.indexer.extract.engine import NAME, convert
from services.indexer.extract.results import Extracted, Limits, encrypted

TYPES = frozenset({"application/pdf"})
PDFIUM = f"pypdfium2 {version('pypdfium2')}"
OCR_DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
FEWEST_CHARACTERS = 3
"""A page with less text than this is taken for a picture."""


def read(content: bytes, limits: Limits) -> Extracted:
    """The text of a PDF. Raises Unreadable when it is protected by a password or damaged beyond repair."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise encrypted() from None
        return _recovered(content, limits)
    pages, by_ocr = [], 0
    for number in range(min(len(document), limits.pages)):
        page = document[number]
        text = _text(page)
        if len(text.strip()) < FEWEST_CHARACTERS and by_ocr < limits.ocr_pages and _has_picture(page):
            text = ocr.words(_picture(page, limits))
            by_ocr += 1
        pages.append(text)
        page.close()
    about = document.get_metadata_dict()
    return Extracted(
        pages=tuple(pages),
        extractor=f"{PDFIUM}, tesseract ({NAME})" if by_ocr else PDFIUM,
        title=about.get("Title", "").strip()[:300],
        author=about.get("Author", "").strip()[:300],
        page_count=len(document),
        ocr=by_ocr > 0,
    )


def _text(page: pdfium.PdfPage) -> str:
    try:
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return ""
    text = text_page.get_text_bounded()
    text_page.close()
    return str(text).replace("\r\n", "\n").replace("\x00", "").replace("\ufffe", "")


def _has_picture(page: pdfium.PdfPage) -> bool:
    return next(iter(page.get_objects(max_depth=3)), None) is not None


def _picture(page: pdfium.PdfPage, limits: Limits) -> bytes:
    """The page as PNG, at a resolution OCR reads well, smaller when the page is too large for the pixel limit."""
    width, height = page.get_size()
    scale = OCR_DOTS_PER_INCH / POINTS_PER_INCH
    pixels = width * height * scale * scale
    if pixels > limits.pixels:
        scale *= (limits.pixels / pixels) ** 0.5
    image = page.render(scale=scale).to_pil()
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


def _recovered(content: bytes, limits: Limits) -> Extracted:
    """What xberg can still read of a file that PDFium refuses."""
    config = xberg.ExtractionConfig(
        use_cache=False, disable_ocr=True, security_limits=xberg.SecurityLimits(max_pages=limits.pages)
    )
    document = convert(content, "document.pdf", config)
    return Extracted(pages=(str(document.content),), extractor=NAME)
