"""PDF: its text layer by pypdfium2, page by page, with forms and notes; pages that are pictures by OCR."""

import unicodedata
from importlib.metadata import version

import pypdfium2 as pdfium

from services.indexer.extract import dates, ocr
from services.indexer.extract.attached import Attached
from services.indexer.extract.pdf_annotations import Annotations
from services.indexer.extract.results import Extracted, Limits, broken, encrypted

TYPES = frozenset({"application/pdf"})
NAME = f"pypdfium2 {version('pypdfium2')}"
OCR_DOTS_PER_INCH = 200
POINTS_PER_INCH = 72
FEWEST_CHARACTERS = 3
"""A page with less text than this is taken for a picture."""
STAMP_CHARACTERS = 60
"""Up to so many characters may be a page number or a fax's line on a page that is a picture."""
COVERED = 0.7
"""How much of a page a picture covers that was scanned."""
MOST_OBJECTS = 1000
UNREADABLE_SHARE = 0.5
PRIVATE = frozenset({"Co", "Cn", "Cc", "Cs"})


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The text of a PDF. Raises Unreadable when it is protected by a password, or PDFium finds it damaged."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        raise encrypted() if "password" in str(error).lower() else broken() from None
    annotations = Annotations(document)
    eye, pages, by_ocr = ocr.Eye(), [], 0
    for number in range(min(len(document), limits.pages)):
        page = document[number]
        text = _text(page)
        if by_ocr < limits.ocr_pages and _is_picture(page, text):
            text = eye.words(_picture(page, limits)) or text
            by_ocr += 1
        pages.append("\n".join(filter(None, (text, *annotations.of(page)))))
        page.close()
    about = document.get_metadata_dict()
    attached = _attached(document, limits)
    notes = (f"ocr: {by_ocr} of {len(pages)} pages have no text layer",) if by_ocr else ()
    return Extracted(
        pages=tuple(pages),
        extractor=f"{NAME}, {eye.name}" if by_ocr else NAME,
        title=about.get("Title", "").strip()[:300],
        author=about.get("Author", "").strip()[:300],
        created=dates.of_pdf(about.get("CreationDate", "")),
        modified=dates.of_pdf(about.get("ModDate", "")),
        page_count=len(document),
        ocr=by_ocr > 0,
        members=tuple(attached.members),
        left_out=tuple(attached.left_out),
        route=(*notes, *eye.route, *attached.told()),
    )


def _text(page: pdfium.PdfPage) -> str:
    try:
        text_page = page.get_textpage()
    except pdfium.PdfiumError:
        return ""
    text = text_page.get_text_bounded()
    text_page.close()
    return str(text).replace("\r\n", "\n").replace("\x00", "").replace("\ufffe", "")


def _is_picture(page: pdfium.PdfPage, text: str) -> bool:
    """Whether OCR would find more: nothing to read on the page, or a stamp on a scan."""
    stripped = text.strip()
    if len(stripped) < FEWEST_CHARACTERS or _unreadable(stripped):
        return next(iter(page.get_objects(max_depth=3)), None) is not None
    return len(stripped) <= STAMP_CHARACTERS and _covered(page)


def _unreadable(text: str) -> bool:
    """Whether the text layer has shapes without meaning: fonts that do not say what their signs are."""
    signs = [character for character in text if not character.isspace()]
    wrong = sum(unicodedata.category(sign) in PRIVATE or sign == "\ufffd" for sign in signs)
    return len(signs) < FEWEST_CHARACTERS or wrong > UNREADABLE_SHARE * len(signs)


def _covered(page: pdfium.PdfPage) -> bool:
    left, bottom, right, top = page.get_bbox()
    area = (right - left) * (top - bottom)
    images = page.get_objects(filter=[pdfium.raw.FPDF_PAGEOBJ_IMAGE], max_depth=3)
    for _, image in zip(range(MOST_OBJECTS), images, strict=False):
        x0, y0, x1, y1 = image.get_bounds()
        if (min(x1, right) - max(x0, left)) * (min(y1, top) - max(y0, bottom)) > COVERED * area:
            return True
    return False


def _picture(page: pdfium.PdfPage, limits: Limits) -> bytes:
    """The page as PNG, at a resolution OCR reads well, smaller when the page is too large for the pixel limit."""
    width, height = page.get_size()
    scale = OCR_DOTS_PER_INCH / POINTS_PER_INCH
    pixels = width * height * scale * scale
    if pixels > limits.pixels:
        scale *= (limits.pixels / pixels) ** 0.5
    return ocr.png(page.render(scale=scale).to_pil())


def _attached(document: pdfium.PdfDocument, limits: Limits) -> Attached:
    """The files inside it."""
    attached = Attached(limits)
    for number in range(min(document.count_attachments(), 2 * limits.members)):
        file = document.get_attachment(number)
        try:
            attached.add(file.get_name(), bytes(file.get_data()))
        except pdfium.PdfiumError:
            attached.add(file.get_name(), b"")
    return attached
