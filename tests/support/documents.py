"""Sample documents with all that a reader may find in them, made by libraries other than the readers'."""

import io
import zipfile
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import pillow_heif
import reportlab
from aspose.email_foss import cfb, msg
from docx import Document
from docx.enum.text import WD_BREAK
from openpyxl import Workbook
from openpyxl.comments import Comment
from PIL import Image, ImageDraw, ImageFont
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import FreeText
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.support import files

CREATED, MODIFIED = datetime(2026, 5, 6, 10, 15, tzinfo=UTC), datetime(2026, 5, 7, 8, 30, tzinfo=UTC)
FONT = Path(reportlab.__file__).parent / "fonts" / "Vera.ttf"
URN = "urn:oasis:names:tc:opendocument:xmlns"
TITLE, AUTHOR = "Lantern offer", "Ada Lovelace"


def pdf_form() -> bytes:
    """A PDF with a filled-in form, a note and an attached file, with dates."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.drawString(72, 760, "Order form for the harbour")
    canvas.acroForm.textfield(name="customer", value="Grace Hopper", x=72, y=700, width=200, height=20)
    canvas.acroForm.checkbox(name="express", checked=True, x=72, y=660)
    canvas.acroForm.checkbox(name="insured", checked=False, x=72, y=630)
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(out.getvalue())))
    writer.add_annotation(0, FreeText(text="Call before noon", rect=(72, 500, 300, 550)))
    writer.add_attachment("bell.txt", b"The harbour bell rings.")
    writer.add_metadata(
        {
            "/Title": TITLE,
            "/Author": AUTHOR,
            "/CreationDate": "D:20260506101500Z",
            "/ModDate": "D:20260507083000+02'00'",
        }
    )
    result = io.BytesIO()
    writer.write(result)
    return result.getvalue()


def pdf_mixed(scanned: str) -> bytes:
    """A PDF with a page of text, a scan, and a scan with a page number on it; the first page lies on its side."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    picture = ImageReader(io.BytesIO(scan(scanned)))
    canvas.drawString(72, 760, files.SENTENCE)
    canvas.showPage()
    canvas.drawImage(picture, 0, 0, *A4)
    canvas.showPage()
    canvas.drawImage(picture, 0, 0, *A4)
    canvas.drawString(280, 20, "Page 3 of 3")
    canvas.showPage()
    canvas.save()
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(out.getvalue())))
    writer.pages[0].rotate(90)
    result = io.BytesIO()
    writer.write(result)
    return result.getvalue()


def scan(words: str) -> bytes:
    """A page of paper as a picture, with words at its head."""
    paper = Image.new("RGB", (1240, 1754), "white")
    paper.paste(Image.open(io.BytesIO(files.image(words))), (100, 200))
    out = io.BytesIO()
    paper.save(out, "PNG")
    return out.getvalue()


def paper(*lines: str, turned: int = 0) -> bytes:
    """A page of paper with lines of print, in a font that has more than ASCII."""
    page = Image.new("RGB", (1654, 1200), "white")
    font = ImageFont.truetype(str(FONT), 40)
    for number, line in enumerate(lines):
        ImageDraw.Draw(page).text((100, 100 + 70 * number), line, fill="black", font=font)
    out = io.BytesIO()
    page.rotate(turned, expand=True).save(out, "PNG")
    return out.getvalue()


def docx() -> bytes:
    """A Word document: two pages, a heading, a table, header and footer, a picture of nothing."""
    document = Document()
    about = document.core_properties
    about.title, about.author, about.created, about.modified = TITLE, AUTHOR, CREATED, MODIFIED
    document.add_heading("Offer", 1)
    document.add_paragraph(files.SENTENCE)
    table = document.add_table(2, 2)
    for number, cell in enumerate(("Item", "Price", "Lantern", "1250")):
        table.cell(number // 2, number % 2).text = cell
    document.sections[0].header.paragraphs[0].text = "Lighthouse company"
    document.sections[0].footer.paragraphs[0].text = "Harbour bank account"
    document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    document.add_paragraph("Terms on the second page")
    return _saved(document)


def docx_of_picture(words: str) -> bytes:
    """A Word document that is nothing but a scan."""
    document = Document()
    document.add_picture(io.BytesIO(scan(words)))
    return _saved(document)


def xlsx() -> bytes:
    """A workbook with two sheets, a date, a share, a comment, and a cell far away."""
    book = Workbook()
    about = book.properties
    about.title, about.creator, about.created, about.modified = TITLE, AUTHOR, CREATED, MODIFIED
    first = book.active
    first.title = "Prices"
    first.append(["Lantern", 1250, datetime(2026, 5, 6), 0.1 + 0.2, True])
    first["A1"].comment = Comment("Ask for a discount", "Ada")
    second = book.create_sheet("Dates")
    second.append([datetime(2026, 5, 6, 10, 15)])
    second["XFD90000"] = "far away"
    book.create_sheet("Empty")
    return _saved(book)


def pptx() -> bytes:
    """A presentation with two slides, the first with notes, the second with a chart."""
    deck = Presentation()
    about = deck.core_properties
    about.title, about.author, about.created, about.modified = TITLE, AUTHOR, CREATED, MODIFIED
    for title in ("Lantern", "Harbour"):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = f"About the {title.lower()}"
    chart = CategoryChartData()
    chart.categories = ["Spring", "Autumn"]
    chart.add_series("Visitors", (4, 7))
    deck.slides[1].shapes.add_chart(XL_CHART_TYPE.PIE, 0, 0, 99, 99, chart)
    deck.slides[0].notes_slide.notes_text_frame.text = "Speak slowly"
    return _saved(deck)


def opendocument(kind: str, body: str) -> bytes:
    """An OpenDocument file of a kind (`text`, `spreadsheet`, `presentation`) with this XML inside its body."""
    namespaces = " ".join(
        f'xmlns:{prefix}="{"http://purl.org/dc/elements/1.1/" if prefix == "dc" else f"{URN}:{name}:1.0"}"'
        for prefix, name in (
            ("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"), ("style", "style"),
            ("meta", "meta"), ("presentation", "presentation"), ("dc", ""),
        )
    )  # fmt: skip
    meta = (
        f"<dc:title>{TITLE}</dc:title><meta:initial-creator>{AUTHOR}</meta:initial-creator>"
        "<meta:creation-date>2026-05-06T10:15:00</meta:creation-date><dc:date>2026-05-07T08:30:00.123</dc:date>"
    )
    margins = (
        "<style:master-page><style:footer><text:p>Harbour bank account</text:p></style:footer></style:master-page>"
    )
    return packed(
        ("mimetype", f"application/vnd.oasis.opendocument.{kind}"),
        (
            "content.xml",
            f"<office:document-content {namespaces}><office:body><office:{kind}>{body}</office:{kind}></office:body>"
            "</office:document-content>",
        ),
        ("meta.xml", f"<office:document-meta {namespaces}><office:meta>{meta}</office:meta></office:document-meta>"),
        (
            "styles.xml",
            f"<office:document-styles {namespaces}><office:master-styles>{margins}</office:master-styles>"
            "</office:document-styles>",
        ),
    )


def epub() -> bytes:
    """A book with two chapters, listed in another order than they are read."""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
        '<rootfile full-path="OPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    book = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/" version="3.0">'
        f"<metadata><dc:title>{TITLE}</dc:title><dc:creator>{AUTHOR}</dc:creator><dc:date>2026-05-06</dc:date></metadata>"
        '<manifest><item id="b" href="two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    chapter = '<?xml version="1.0"?><!DOCTYPE html><html><head><title>x</title></head><body><p>{}</p></body></html>'
    return packed(
        ("mimetype", "application/epub+zip"),
        ("META-INF/container.xml", container),
        ("OPS/book.opf", book),
        ("OPS/two b.xhtml", chapter.format("The second chapter")),
        ("OPS/one.xhtml", chapter.format("The first chapter")),
    )


def packed(*entries: tuple[str, str | bytes]) -> bytes:
    """A ZIP archive; the first file is not compressed, as packages want it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(entries):
            archive.writestr(name, content, zipfile.ZIP_DEFLATED if number else zipfile.ZIP_STORED)
    return out.getvalue()


def mail() -> EmailMessage:
    """A mail in two forms, with a logo, a picture, a file, and a mail inside it."""
    inner = EmailMessage()
    inner["From"], inner["Subject"] = "grace@example.org", "Earlier question"
    inner.set_content("When does the harbour bell ring?")
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Cc"] = "Ada Lovelace <ada@example.org>", "office@example.org", "grace@example.org"
    mail["Subject"], mail["Date"] = "Größe der Laterne", CREATED
    mail.set_content(files.SENTENCE)
    mail.add_alternative(f'<p>{files.SENTENCE}</p><img src="cid:logo"><img src="cid:plan">', subtype="html")
    shown = mail.get_payload()[1]
    shown.add_related(icon(), maintype="image", subtype="png", cid="<logo>", filename="logo.png")
    shown.add_related(files.image("Plan"), maintype="image", subtype="png", cid="<plan>", filename="plan.png")
    mail.add_attachment(b"The harbour bell rings.", maintype="text", subtype="plain", filename="Glocke 1 übrig.txt")
    mail.add_attachment(inner)
    return mail


def icon() -> bytes:
    """A picture that decorates."""
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(out, "PNG")
    return out.getvalue()


def outlook() -> bytes:
    """The like as Outlook keeps it."""
    message = msg.MapiMessage.create("Größe der Laterne", files.SENTENCE)
    message.set_property(msg.PropertyId.SENDER_NAME, AUTHOR)
    message.set_property(msg.PropertyId.SENDER_EMAIL_ADDRESS, "ada@example.org")
    message.set_property(msg.PropertyId.MESSAGE_DELIVERY_TIME, CREATED)
    message.add_recipient("office@example.org", display_name="Office")
    message.add_attachment("bell.txt", b"The harbour bell rings.", mime_type="text/plain")
    message.add_attachment("plan.pdf", files.pdf() * 3, mime_type="application/pdf")
    inner = msg.MapiMessage.create("Earlier question", "When does the harbour bell ring?")
    message.add_embedded_message_attachment(inner)
    return bytes(message.to_bytes())


def storage(streams: dict[str, bytes]) -> bytes:
    """An OLE container with these streams."""
    children = [cfb.CFBStream(name=name, data=content) for name, content in streams.items()]
    root = cfb.CFBStorage(name="Root Entry", children=[*children])
    return bytes(cfb.CFBWriter.to_bytes(cfb.CFBDocument(root=root)))


def heic(words: str) -> bytes:
    """A telephone's picture of words."""
    out = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(files.image(words)))).save(out)
    return out.getvalue()


def jpeg_on_its_side(words: str) -> bytes:
    """A camera's picture: lying, with a note how to turn it and when it was taken."""
    picture = Image.open(io.BytesIO(files.image(words))).rotate(90, expand=True)
    exif = picture.getexif()
    exif[0x0112] = 6
    exif[306] = "2026:05:06 10:15:00"
    out = io.BytesIO()
    picture.save(out, "JPEG", exif=exif)
    return out.getvalue()


def tiff(*words: str) -> bytes:
    """A fax: a frame for each of the words."""
    frames = [Image.open(io.BytesIO(files.image(one))).convert("1") for one in words]
    out = io.BytesIO()
    frames[0].save(out, "TIFF", save_all=True, append_images=frames[1:], compression="group4")
    return out.getvalue()


def _saved(document: object) -> bytes:
    out = io.BytesIO()
    document.save(out)  # type: ignore[attr-defined]
    return out.getvalue()
