"""Sample files, made here: each function gives the bytes of one file."""

import io
import zipfile
from email.message import EmailMessage

from docx import Document
from openpyxl import Workbook
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

SENTENCE = "The restoration of the lighthouse lantern costs 1250 euro."


def pdf(*pages: str, title: str = "", password: str = "") -> bytes:
    """A PDF with a text layer, a page for each text."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, encrypt=StandardEncryption(password) if password else None)
    canvas.setTitle(title)
    for page in pages or (SENTENCE,):
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, 760 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def scanned_pdf(words: str) -> bytes:
    """A PDF whose only page is a picture of words."""
    return scanned_pdfs(words, 1)


def scanned_pdfs(words: str, pages: int) -> bytes:
    """A PDF whose pages are all pictures of the same words."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for _ in range(pages):
        canvas.drawImage(ImageReader(io.BytesIO(image(words))), 40, 500, width=500, height=150)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def image(words: str, kind: str = "PNG", turned: int = 0) -> bytes:
    """A picture of words."""
    picture = Image.new("RGB", (1000, 300), "white")
    ImageDraw.Draw(picture).text((40, 100), words, fill="black", font=ImageFont.load_default(size=60))
    out = io.BytesIO()
    picture.rotate(turned, expand=True, fillcolor="white").save(out, kind)
    return out.getvalue()


def pixel_bomb() -> bytes:
    """A small PNG that says it has 900 million pixels."""
    out = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(out, "PNG")
    return out.getvalue()


def docx(*paragraphs: str) -> bytes:
    """A Word document."""
    document = Document()
    for paragraph in paragraphs or (SENTENCE,):
        document.add_paragraph(paragraph)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def xlsx(*rows: tuple[object, ...]) -> bytes:
    """A spreadsheet."""
    book = Workbook()
    for row in rows or ((SENTENCE, 1250),):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def pptx(title: str = SENTENCE) -> bytes:
    """A presentation with one slide."""
    deck = Presentation()
    deck.slides.add_slide(deck.slide_layouts[5]).shapes.title.text = title
    out = io.BytesIO()
    deck.save(out)
    return out.getvalue()


def odt(text: str = SENTENCE) -> bytes:
    """An OpenDocument text."""
    kind = "application/vnd.oasis.opendocument.text"
    namespaces = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
    )
    body = f"<office:body><office:text><text:p>{text}</text:p></office:text></office:body>"
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind, zipfile.ZIP_STORED)
        archive.writestr("content.xml", f"<office:document-content {namespaces}>{body}</office:document-content>")
        archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


def rtf(text: str = SENTENCE) -> bytes:
    """A rich text."""
    return rb"{\rtf1\ansi\deff0 {\fonttbl {\f0 Arial;}} \f0 " + text.encode("ascii") + rb"\par}"


def html(text: str = SENTENCE) -> bytes:
    """A web page."""
    return f"<!doctype html><html><head><title>Page</title></head><body><p>{text}</p></body></html>".encode()


def eml(text: str = SENTENCE, attachment: str = "The harbour bell rings.") -> bytes:
    """A mail with a text attachment."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ada <ada@example.org>", "office@example.org", "Lantern"
    mail.set_content(text)
    mail.add_attachment(attachment.encode(), maintype="text", subtype="plain", filename="bell.txt")
    return mail.as_bytes()


def archive(*members: tuple[str, bytes]) -> bytes:
    """A ZIP archive; the same members make the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members:
            packed.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def zip_bomb_docx() -> bytes:
    """A Word document whose text unpacks to 700 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(io.BytesIO(docx())) as original:
        for name in original.namelist():
            if name != "word/document.xml":
                archive.writestr(name, original.read(name))
        with archive.open("word/document.xml", "w", force_zip64=True) as body:
            for _ in range(700):
                body.write(b"<w:p/>" * 174_763)
    return out.getvalue()
