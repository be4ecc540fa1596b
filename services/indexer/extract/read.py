"""Reading documents: an ordered choice by content type. Runs only inside the sandbox's disposable process."""

from dataclasses import replace

from services.indexer.extract import members, ocr, office, pdf, text
from services.indexer.extract.results import Extracted, Limits, empty, no_text, unsupported


def read(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """The text of a document with the sniffed `content_type`. Raises Unreadable with a reason for people."""
    if not content:
        raise empty()
    if content_type in text.TYPES:
        extracted = text.read(content, limits)
    elif content_type in pdf.TYPES:
        extracted = pdf.read(content, limits)
    elif content_type in ocr.TYPES:
        extracted = ocr.read(content, limits)
    elif content_type in office.TYPES:
        extracted = office.read(content, content_type, limits)
        if content_type == members.MAIL:
            extracted = replace(extracted, members=members.of_mail(content))
    elif content_type == members.ZIP:
        extracted = members.read_zip(content, limits)
    else:
        raise unsupported()
    if not any(page.strip() for page in extracted.pages):
        raise no_text()
    return extracted
