"""What the readers do once for all documents, done before there is one: their tables, models and first steps.

Only our own bytes are read here, and only by readers that start no thread (xberg does): it would be missing in the
children, which are forked from this process.
"""

import asyncio
import io
import zipfile

from services.indexer.extract.read import read
from services.indexer.extract.results import Limits

WORDS = "The lantern of the lighthouse was lit at dusk, and the keeper went home."
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 32>>stream\nBT /F 12 Tf 9 9 Td (warm) Tj ET  \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n"
)
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "application/vnd.openxmlformats-officedocument"


def prepare() -> None:
    """In the process that forks."""
    asyncio.run(asyncio.sleep(0))
    mail = f"From: keeper@example.org\r\nSubject: Lantern\r\nContent-Type: text/html\r\n\r\n<p>{WORDS}</p>\r\n"
    for content, content_type in (
        (PDF, "application/pdf"),
        (f"Grüße! {WORDS}".encode("cp1252"), "text/plain"),
        (f"<p>{WORDS}</p>".encode(), "text/html"),
        (mail.encode(), "message/rfc822"),
        (b"{\\rtf1 " + WORDS.encode() + b"}", "application/rtf"),
        (_letter(), f"{OFFICE}.wordprocessingml.document"),
    ):
        read(content, content_type, Limits())


def _letter() -> bytes:
    body = f'<w:document xmlns:w="{WORD}"><w:body><w:p><w:r><w:t>{WORDS}</w:t></w:r></w:p></w:body></w:document>'
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("word/document.xml", body)
    return packed.getvalue()
