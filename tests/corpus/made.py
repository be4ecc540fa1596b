"""The bytes of the samples that are made here; the same ones each time."""

import io
import json
import zipfile
from email.message import EmailMessage

import docx.document
import pypdfium2 as pdfium
from docx import Document
from PIL import Image, ImageDraw, ImageFont
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from tests.support import files

GREETING = "Grüße aus Zürich, die Straße ist überschwemmt. Wir haben heute leider keine Zeit für Sie."
PAGE = """The keeper climbs the winding stair every evening.
He lights the lamp and winds the clockwork, and then
he writes the names of the passing ships in the log.
In winter the wind shakes the tower and the sea breaks
over the rocks, but the light has never failed."""
ODF = "urn:oasis:names:tc:opendocument:xmlns"


def report_pdf() -> bytes:
    """Two pages with a title."""
    return files.pdf("The lantern is dark.", "The keeper has left.", title="Lantern report")


def mixed_pdf(text: str, words: str) -> bytes:
    """A page of text, then a picture of words."""
    return _joined(files.pdf(text), files.scanned_pdf(words))


def scan_first_pdf() -> bytes:
    """A picture of a page, then a page of text."""
    return _joined(files.scanned_pdf("Lighthouse harbour"), files.pdf("The keeper has left."))


def _joined(*documents: bytes) -> bytes:
    whole = pdfium.PdfDocument.new()
    for document in documents:
        whole.import_pages(pdfium.PdfDocument(document))
    return _saved(whole)


def rotated_pdf(degrees: int) -> bytes:
    """A page that says it is to be shown turned."""
    document = pdfium.PdfDocument(files.pdf())
    document[0].set_rotation(degrees)
    return _saved(document)


def rotated_scan_pdf(degrees: int) -> bytes:
    """A picture of a page that was laid on its side in the scanner."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    picture = ImageReader(io.BytesIO(page_image("PNG", turned=degrees)))
    canvas.drawImage(picture, 40, 100, width=300, height=600)
    canvas.save()
    return out.getvalue()


def form_pdf() -> bytes:
    """A form with what somebody typed into it."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    canvas.drawString(72, 700, "Keeper")
    canvas.acroForm.textfield(name="keeper", value="Grace Darling", x=140, y=690, width=200, height=24)
    canvas.save()
    return out.getvalue()


def attachment_pdf() -> bytes:
    """A page, and a file in the file."""
    document = pdfium.PdfDocument(files.pdf())
    document.new_attachment("invoice.txt").set_data(b"The invoice is attached.")
    return _saved(document)


def _saved(document: pdfium.PdfDocument) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def letter_docx() -> bytes:
    """A letter with a title."""
    document = Document()
    document.core_properties.title = "Lantern letter"
    document.add_paragraph(files.SENTENCE)
    return _docx(document)


def table_docx() -> bytes:
    """A table."""
    document = Document()
    row = document.add_table(rows=1, cols=2).rows[0]
    row.cells[0].text, row.cells[1].text = "Fresnel lens", "1250"
    return _docx(document)


def _docx(document: docx.document.Document) -> bytes:
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def titled_odt() -> bytes:
    """An OpenDocument text with a title."""
    meta = (
        f'<office:document-meta xmlns:office="{ODF}:office:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<office:meta><dc:title>Lantern letter</dc:title></office:meta></office:document-meta>"
    )
    return _with(files.odt(), "meta.xml", meta)


def ods() -> bytes:
    """An OpenDocument spreadsheet with one row."""
    cells = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{value}</text:p></table:table-cell>'
        for value in ("Fresnel lens", "1250")
    )
    body = f'<office:spreadsheet><table:table table:name="Costs"><table:table-row>{cells}</table:table-row>'
    return _opendocument("spreadsheet", f"{body}</table:table></office:spreadsheet>")


def odp() -> bytes:
    """An OpenDocument presentation with one slide."""
    box = f"<draw:frame><draw:text-box><text:p>{files.SENTENCE}</text:p></draw:text-box></draw:frame>"
    body = f'<office:presentation><draw:page draw:name="one">{box}</draw:page></office:presentation>'
    return _opendocument("presentation", body)


def _opendocument(kind: str, body: str) -> bytes:
    kind = f"application/vnd.oasis.opendocument.{kind}"
    names = " ".join(
        f'xmlns:{short}="{ODF}:{long}:1.0"'
        for short, long in (("office", "office"), ("text", "text"), ("table", "table"), ("draw", "drawing"))
    )
    content = f"<office:document-content {names}><office:body>{body}</office:body></office:document-content>"
    manifest = (
        f'<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0">'
        f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
    )
    return zipped({"mimetype": kind, "content.xml": content, "META-INF/manifest.xml": manifest})


def zipped(members: dict[str, str | bytes]) -> bytes:
    """An archive; the first member is stored as it is, as OpenDocument and EPUB demand."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, content) in enumerate(members.items()):
            archive.writestr(_entry(name), content, zipfile.ZIP_DEFLATED if number else zipfile.ZIP_STORED)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))


def _with(archive: bytes, name: str, content: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return zipped({**{each: opened.read(each) for each in opened.namelist()}, name: content})


def umlaut_rtf() -> bytes:
    """Letters as Unicode escapes and as bytes of a code page."""
    text = GREETING.replace("ü", r"\u252?").replace("ß", r"\'df").replace("ö", r"\'f6")
    return rb"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}\f0 " + text.encode("ascii") + rb"\par}"


def titled_rtf() -> bytes:
    """A rich text that says its title."""
    text = files.SENTENCE.encode("ascii")
    return rb"{\rtf1\ansi\deff0{\info{\title Lantern letter}}{\fonttbl{\f0 Arial;}}\f0 " + text + rb"\par}"


def cyrillic_rtf() -> bytes:
    """Letters as bytes of a Cyrillic code page."""
    text = "Маяк стоит на берегу моря, и каждую ночь горит его свет."
    escaped = "".join(f"\\'{byte:02x}" if byte > 127 else chr(byte) for byte in text.encode("cp1251"))
    head = rb"{\rtf1\ansi\ansicpg1251\deff0{\fonttbl{\f0\fcharset204 Arial;}}\f0 "
    return head + escaped.encode("ascii") + rb"\par}"


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def epub(chapters: int = 1) -> bytes:
    """A book."""
    numbers = range(chapters)
    items = "".join(f'<item id="c{n}" href="c{n}.xhtml" media-type="application/xhtml+xml"/>' for n in numbers)
    order = "".join(f'<itemref idref="c{n}"/>' for n in numbers)
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:identifier id="id">lantern</dc:identifier>'
        f"<dc:title>The keeper's book</dc:title><dc:language>en</dc:language></metadata>"
        f"<manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    pages = {f"c{n}.xhtml": _chapter(f"This is the {ORDINALS[n]} chapter of the lantern.") for n in numbers}
    return zipped(
        {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package, **pages}
    )


def _chapter(text: str) -> str:
    body = f"<h1>Chapter</h1><p>{text} {files.SENTENCE}</p>"
    return f'<html xmlns="http://www.w3.org/1999/xhtml"><head><title>c</title></head><body>{body}</body></html>'


def scripted_html() -> bytes:
    """A page with a script and a style sheet, which are no text."""
    script = "<script>var stolenCookie = document.cookie;</script><style>p { color: red }</style>"
    body = "<body onload='run()'><p>The lantern is dark.</p></body>"
    return f"<!DOCTYPE html><html><head><title>Lantern</title>{script}</head>{body}</html>".encode()


def latin_html() -> bytes:
    """A page that says it is not UTF-8."""
    head = '<html><head><meta http-equiv="Content-Type" content="text/html; charset=windows-1252"><title>Grüße</title>'
    return f"{head}</head><body><p>{GREETING}</p></body></html>".encode("cp1252")


def json_note() -> bytes:
    """A small object."""
    return json.dumps({"subject": "The harbour bell rings.", "cost": 1250}).encode()


def nested_json() -> bytes:
    """Objects in objects, twenty deep."""
    inner: object = "the innermost lantern"
    for depth in range(20):
        inner = {f"level {depth}": inner}
    return json.dumps(inner).encode()


def utf16_json() -> bytes:
    """JSON in UTF-16, as some programs on Windows write it."""
    return json.dumps({"text": GREETING}, ensure_ascii=False).encode("utf-16")


def csv() -> bytes:
    """A table."""
    return b"item,euro\r\nFresnel lens,1250\r\nbell,80\r\n"


def latin_csv() -> bytes:
    """A table from a German spreadsheet program: semicolons, commas, code page."""
    rows = [f"{GREETING};1.250,00"] + [f"Posten {number}: Glühlampe für Leuchtturm;{number},50" for number in range(40)]
    return "\r\n".join(["Posten;Preis", *rows]).encode("cp1252")


def markdown() -> bytes:
    """A note."""
    return f"# Lantern notes\n\n{files.SENTENCE}\n\n- one\n- two\n".encode()


def encoded_eml() -> bytes:
    """A mail whose subject and text are encoded."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Jörg <joerg@example.org>", "office@example.org", "Grüße"
    mail.set_content(GREETING, charset="iso-8859-1", cte="quoted-printable")
    mail.add_alternative(f"<p>{GREETING}</p>", subtype="html")
    return mail.as_bytes()


def page_image(kind: str, turned: int = 0) -> bytes:
    """A picture of a page."""
    picture = Image.new("RGB", (1400, 700), "white")
    font = ImageFont.load_default(size=44)
    ImageDraw.Draw(picture).multiline_text((60, 60), PAGE, fill="black", font=font, spacing=24)
    out = io.BytesIO()
    picture.rotate(turned, expand=True, fillcolor="white").save(out, kind)
    return out.getvalue()


def two_page_tiff() -> bytes:
    """Two pages in one file, as fax machines and scanners write them."""
    pages = [Image.open(io.BytesIO(files.image(words))) for words in ("first harbour", "second harbour")]
    out = io.BytesIO()
    pages[0].save(out, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw")
    return out.getvalue()


def heic(picture: bytes) -> bytes:
    """The picture as a telephone saves it. Raises ImportError without pillow-heif."""
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(Image.open(io.BytesIO(picture)).convert("RGB")).save(out, quality=90)
    return out.getvalue()


def papers_zip() -> bytes:
    """Two documents in an archive."""
    return zipped({"note.txt": files.SENTENCE, "letter.docx": files.docx()})


def folders_zip() -> bytes:
    """Documents in a folder in an archive."""
    return zipped({"2026/": b"", "2026/note.txt": files.SENTENCE, "2026/costs.csv": csv()})


def locked_zip() -> bytes:
    """An archive whose member says it is encrypted."""
    archive = bytearray(zipped({"note.txt": files.SENTENCE}))
    archive[6] |= 1
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    return bytes(archive)
