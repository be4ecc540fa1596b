"""What the readers do once for all documents, done before there is one."""

import asyncio

import pypdfium2 as pdfium

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 32>>stream\nBT /F 12 Tf 9 9 Td (warm) Tj ET  \nendstream endobj\n"
    b"5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n"
)


def prepare() -> None:
    """In the process that forks. Nothing that starts a thread, as xberg does: it would be missing in the children."""
    asyncio.run(asyncio.sleep(0))
    document = pdfium.PdfDocument(PDF)
    document[0].get_textpage().get_text_bounded()
