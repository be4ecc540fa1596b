"""Archives, and documents that are archives."""

import io
import struct
import zipfile
import zlib
from collections.abc import Sequence
from functools import partial

from tests.corpus.made import zipped
from tests.hostile.specimen import ANYHOW, READ, REFUSED, Specimen
from tests.support import files

MEBIBYTE = 1 << 20
WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
CHAPTER = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>c</title></head><body>'
LAUGHS = 'lol0 "lol lol lol lol lol lol lol lol lol lol"'


def laughs(deepest: int = 9) -> str:
    """A document type whose last entity is a billion words."""
    entities = [f"<!ENTITY {LAUGHS}>"]
    entities += [f'<!ENTITY lol{level} "{f"&lol{level - 1};" * 10}">' for level in range(1, deepest + 1)]
    return f"<!DOCTYPE x [{''.join(entities)}]>"


def blown(filler: bytes, mebibytes: int) -> bytes:
    """`filler` over and over, deflated; made of one block that is repeated, so it takes no time."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(filler * (MEBIBYTE // len(filler))) + packer.flush(zlib.Z_FULL_FLUSH)
    return block * mebibytes + b"\x03\0"


def blown_sum(filler: bytes, mebibytes: int) -> int:
    """The checksum of what `blown` unpacks to."""
    block, total = filler * (MEBIBYTE // len(filler)), 0
    for _ in range(mebibytes):
        total = zlib.crc32(block, total)
    return total


def raw_zip(members: Sequence[tuple[str, bytes, int, int]], entries: int = 1) -> bytes:
    """An archive of names, deflated contents (but for "mimetype"), sizes and checksums; each listed `entries` times."""
    out, central, count = bytearray(), bytearray(), 0
    for name, packed, size, checksum in members:
        method = 0 if name == "mimetype" else 8
        place, fields = len(out), (20, 0, method, 0, 0, checksum, len(packed), size)
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, *fields, len(name), 0) + name.encode() + packed
        for _ in range(entries):
            central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, *fields, len(name), 0, 0, 0, 0, 0, place)
            central += name.encode()
            count += 1
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, count, count, len(central), len(out), 0)
    return bytes(out + central + end)


def with_part(document: bytes, name: str, content: "str | bytes") -> bytes:
    """The document with one part replaced."""
    with zipfile.ZipFile(io.BytesIO(document)) as old:
        return zipped({**{each: old.read(each) for each in old.namelist()}, name: content})


def with_bomb(document: bytes, name: str, filler: bytes, mebibytes: int) -> bytes:
    """The document with one part replaced by `filler` over and over."""
    with zipfile.ZipFile(io.BytesIO(document)) as old:
        parts = [(each, old.read(each)) for each in old.namelist() if each != name]
    members = [(each, _packed(each, content), len(content), zlib.crc32(content)) for each, content in parts]
    size, checksum = (MEBIBYTE // len(filler)) * len(filler) * mebibytes, blown_sum(filler, mebibytes)
    return raw_zip([*members, (name, blown(filler, mebibytes), size, checksum)])


def _packed(name: str, content: bytes) -> bytes:
    if name == "mimetype":
        return content
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


def word(body: str, doctype: str = "") -> bytes:
    """A Word document with that body."""
    text = f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return with_part(files.docx(), "word/document.xml", text)


def paragraph(text: str) -> str:
    """Of a Word document."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


DIGITS = b"0123456789abcdef"


def flat_zip() -> bytes:
    """A gigabyte in a megabyte."""
    return raw_zip([("digits.txt", blown(DIGITS, 1024), 1024 * MEBIBYTE, blown_sum(DIGITS, 1024))])


def nested_zip() -> bytes:
    """Ten archives in each of ten archives, four deep."""
    inner = zipped({"zeros.txt": bytes(10 * MEBIBYTE)})
    for _ in range(4):
        inner = zipped({f"{number}.zip": inner for number in range(10)})
    return inner


def overlapping_zip() -> bytes:
    """Two thousand entries that all point at the same 100 MiB."""
    return raw_zip([("a.txt", blown(DIGITS, 100), 100 * MEBIBYTE, blown_sum(DIGITS, 100))], entries=2000)


def many_zip() -> bytes:
    """Thirty thousand empty files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for number in range(30_000):
            archive.writestr(zipfile.ZipInfo(f"{number}.txt"), b"")
    return out.getvalue()


def lying_zip() -> bytes:
    """A member that says it is ten bytes and unpacks to 300 MiB."""
    return raw_zip([("a.txt", blown(DIGITS, 300), 10, 0)])


def traversing_zip() -> bytes:
    """Names that lead out of any folder, and a link."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("../../../../etc/passwd", "/etc/cron.d/x", "..\\..\\windows\\x.txt", "a/../../b.txt"):
            archive.writestr(name, "escaped")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return out.getvalue()


def sparse_xlsx() -> bytes:
    """Two cells at the ends of the largest sheet."""
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>2</v></c></row>'
    return sheet(f"<sheetData>{cells}</sheetData>")


def sheet(inner: str) -> bytes:
    """A spreadsheet with that sheet."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return with_part(files.xlsx(), "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{space}">{inner}</worksheet>')


def strings_xlsx() -> bytes:
    """A table of strings that says it has four billion of them, made of entities."""
    space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    text = f'<?xml version="1.0"?>{laughs()}<sst xmlns="{space}" count="4294967295"><si><t>&lol9;</t></si></sst>'
    return with_part(files.xlsx(), "xl/sharedStrings.xml", text)


def looping_epub() -> bytes:
    """A book whose only chapter is its own table of contents, a thousand times over."""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
        '<rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>'
        '<item id="a" href="book.opf" media-type="application/xhtml+xml"/></manifest>'
        "<spine>" + '<itemref idref="a"/>' * 1000 + "</spine></package>"
    )
    parts = {"mimetype": "application/epub+zip", "META-INF/container.xml": container, "book.opf": package}
    return zipped({**parts})


def macro_docx() -> bytes:
    """A document with a macro, renamed."""
    return with_part(files.docx(), "word/vbaProject.bin", b'\xd0\xcf\x11\xe0Sub AutoOpen()\nShell "calc"\nEnd Sub')


def protected_docx() -> bytes:
    """The beginning of a document that Word has encrypted: a compound file."""
    name = "EncryptedPackage".encode("utf-16-le")
    entry = name.ljust(64, b"\0") + struct.pack("<HBBIII", len(name) + 2, 2, 1, *(0xFFFFFFFF,) * 3) + bytes(48)
    root = "Root Entry".encode("utf-16-le")
    first = root.ljust(64, b"\0") + struct.pack("<HBBIII", len(root) + 2, 5, 1, 0xFFFFFFFF, 0xFFFFFFFF, 1) + bytes(48)
    head = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    head += struct.pack("<IIIIIIII", 1, 1, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0) + struct.pack("<I", 0)
    table = struct.pack("<II", 0xFFFFFFFD, 0xFFFFFFFE).ljust(512, b"\xff")
    return head.ljust(512, b"\xff") + table + (first + entry).ljust(512, b"\0")


XXE = '<!DOCTYPE x [<!ENTITY out SYSTEM "file:///etc/passwd">]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY big "{"a" * 100_000}">]>'

ARCHIVES = (
    Specimen("flat.zip", flat_zip, bomb=True),
    Specimen("nested.zip", nested_zip, bomb=True),
    Specimen("overlapping.zip", overlapping_zip, bomb=True),
    Specimen("lying.zip", lying_zip, bomb=True),
    Specimen("many.zip", many_zip),
    Specimen("traversing.zip", traversing_zip, never="root:"),
    Specimen(
        "bomb.docx", partial(with_bomb, files.docx(), "word/document.xml", b"<w:p/>", 400), REFUSED, bomb=True
    ),
    Specimen("bomb.epub", partial(with_bomb, looping_epub(), "book.opf", b"<item/>", 400), REFUSED, bomb=True),
    Specimen("laughs.docx", partial(word, paragraph("&lol9;"), laughs()), never="lol lol lol lol lol lol lol lol"),
    Specimen("laughs.xlsx", strings_xlsx, never="lol lol lol lol lol lol lol lol"),
    Specimen(
        "laughs.odt", lambda: with_part(files.odt(), "content.xml", f"{laughs()}<x>&lol9;</x>"),
        never="lol lol lol lol lol lol lol lol",
    ),
    Specimen("laughs.svg", lambda: f"{laughs()}<svg>&lol9;</svg>".encode(), ANYHOW - {READ}),
    Specimen("quadratic.docx", partial(word, paragraph("&big;" * 20_000), QUADRATIC), never="a" * 200),
    Specimen("outside.docx", partial(word, paragraph("&out;"), XXE), never="root:"),
    Specimen("outside.odt", lambda: with_part(files.odt(), "content.xml", f"{XXE}<x>&out;</x>"), never="root:"),
    Specimen("deep.docx", partial(word, "<w:sdt>" * 100_000 + "</w:sdt>" * 100_000)),
    Specimen("sparse.xlsx", sparse_xlsx),
    Specimen("formula.xlsx", partial(sheet, f'<sheetData><row><c><f>{"(" * 500_000}</f></c></row></sheetData>')),
    Specimen("merged.xlsx", partial(sheet, '<sheetData/><mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>')),
    Specimen("looping.epub", looping_epub),
    Specimen("macro.docx", macro_docx, {READ}, never="AutoOpen"),
    Specimen("protected.docx", protected_docx, {"encrypted", "broken", "unsupported"}),
)  # fmt: skip
