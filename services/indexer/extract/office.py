"""Office documents, web pages, mails and books: all by xberg."""

import xberg

from services.indexer.extract.engine import NAME, convert
from services.indexer.extract.results import Extracted, Limits

EXTENSIONS = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/rtf": "rtf",
    "text/rtf": "rtf",
    "text/html": "html",
    "message/rfc822": "eml",
    "application/epub+zip": "epub",
}
"""Content types read here, and the ending that tells xberg which."""
TYPES = frozenset(EXTENSIONS)


def read(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """The text of the document. Raises Unreadable when it is damaged, protected, or a bomb."""
    config = xberg.ExtractionConfig(
        use_cache=False, disable_ocr=True, security_limits=xberg.SecurityLimits(max_pages=limits.pages)
    )
    document = convert(content, f"document.{EXTENSIONS[content_type]}", config)
    about = document.metadata
    return Extracted(
        pages=(str(document.content).replace("\x00", ""),),
        extractor=NAME,
        title=str(getattr(about, "title", None) or "").strip()[:300],
        author=", ".join(getattr(about, "authors", None) or ())[:300],
    )
