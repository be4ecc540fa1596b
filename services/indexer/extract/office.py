"""What xberg reads: Word, Excel and PowerPoint before 2007, and what the readers before it gave up."""

import re

from services.indexer.extract import dates, opendocument, slides, word
from services.indexer.extract.engine import NAME, convert, without_ocr
from services.indexer.extract.kinds import locked
from services.indexer.extract.ocr import Eye, look
from services.indexer.extract.package import Package
from services.indexer.extract.results import Extracted, Limits, encrypted, no_text

EXTENSIONS = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12": "xlsb",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.ms-outlook": "msg",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "text/html": "html",
    "message/rfc822": "eml",
    "application/epub+zip": "epub",
}
"""Content types read here, and the ending that tells xberg which."""
LEGACY = frozenset(
    {
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-excel.sheet.binary.macroenabled.12",
        "application/vnd.ms-powerpoint",
    }
)
WITH_PICTURES = word.TYPES | slides.TYPES | opendocument.TYPES - {"application/vnd.oasis.opendocument.spreadsheet"}
PICTURES = ("word/media/", "ppt/media/", "Pictures/")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp")
SMALLEST_PICTURE_BYTES = 5000
_NOISE = re.compile(r" \(style_name: [^()\n]{1,80}\)$|^\[Image: [^\]\n]{0,200}\]$", re.MULTILINE)
"""What xberg adds to a text."""


def read(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """The text of the document. Raises Unreadable when it is damaged, protected, or a bomb."""
    if content_type in LEGACY and locked(content):
        raise encrypted()
    document = convert(content, f"document.{EXTENSIONS[content_type]}", without_ocr(limits))
    about = document.metadata
    return Extracted(
        pages=(_NOISE.sub("", str(document.content)),),
        extractor=NAME,
        title=str(getattr(about, "title", None) or "").strip()[:300],
        author=", ".join(getattr(about, "authors", None) or ())[:300],
        created=dates.of_iso(getattr(about, "created_at", None)),
        modified=dates.of_iso(getattr(about, "modified_at", None)),
    )


def pictures(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The words in the pictures of a document that has no others: scans that were put into one."""
    eye = Eye()
    pages: list[str] = []
    with Package(content, limits) as package:
        found = [name for name in package.names if name.startswith(PICTURES) and name.lower().endswith(PICTURE_ENDINGS)]
        for name in found[: limits.ocr_pages]:
            image = package.part(name)
            if len(image) > SMALLEST_PICTURE_BYTES:
                pages += look(image, eye, limits)[0]
    if not pages:
        raise no_text()
    return Extracted(tuple(pages), extractor=eye.name, page_count=len(pages), ocr=True, route=eye.route)
