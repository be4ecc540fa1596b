"""PDF files."""

import zlib
from collections.abc import Mapping
from functools import partial

from tests.hostile.archives import blown
from tests.hostile.specimen import ANYHOW, NOT_READ, READ, Specimen
from tests.support import files

CATALOG = "<</Type/Catalog/Pages 2 0 R>>"
PAGES = "<</Type/Pages/Kids[3 0 R]/Count 1>>"
FONT = "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
PAGE = "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>{}>>>>"
TEXT = b"BT /F 12 Tf 72 700 Td (The lantern is dark.) Tj ET"


def paper(objects: Mapping[int, "str | bytes"], trailer: str = "") -> bytes:
    """A PDF of one page and these objects, which may be others than the usual ones."""
    usual = {1: CATALOG, 2: PAGES, 3: PAGE.format(""), 4: stream(TEXT), 5: FONT}
    out, places = bytearray(b"%PDF-1.7\n"), {}
    for number, value in sorted({**usual, **objects}.items()):
        places[number] = len(out)
        body = value if isinstance(value, bytes) else value.encode("latin-1")
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start, last = len(out), max(places)
    out += f"xref\n0 {last + 1}\n0000000000 65535 f \n".encode()
    for number in range(1, last + 1):
        used = number in places
        out += f"{places.get(number, 0):010d} {0 if used else 65535:05d} {'n' if used else 'f'} \n".encode()
    out += f"trailer\n<</Root 1 0 R/Size {last + 1}{trailer}>>\nstartxref\n{start}\n%%EOF".encode()
    return bytes(out)


def stream(content: bytes, about: str = "") -> bytes:
    """A stream object."""
    return f"<<{about}/Length {len(content)}>>stream\n".encode() + content + b"\nendstream"


def deflated(content: bytes, mebibytes: int) -> bytes:
    """A stream that unpacks to so many MiB."""
    packed = b"\x78\xda" + blown(content, mebibytes) + b"\0\0\0\0"
    return stream(packed, "/Filter/FlateDecode")


def several_times_deflated() -> bytes:
    """A stream that must be unpacked four times."""
    packed = b"q Q " * (25 << 20)
    for _ in range(4):
        packed = zlib.compress(packed, 9)
    return stream(packed, f"/Filter[{'/FlateDecode' * 4}]")


def deep_tree() -> bytes:
    """Page trees in page trees, twenty thousand deep."""
    levels = {number: f"<</Type/Pages/Kids[{number + 1} 0 R]/Count 1>>" for number in range(6, 20_000)}
    return paper({2: "<</Type/Pages/Kids[6 0 R]/Count 1>>", **levels, 20_000: PAGE.format("")})


def cut_at(document: bytes, share: float) -> bytes:
    """The beginning of a document."""
    return document[: int(len(document) * share)]


IMAGE = "/Type/XObject/Subtype/Image/ColorSpace/DeviceGray"
DRAWN = PAGE.format("/XObject<</X 6 0 R>>")
SCRIPT = "<</S/JavaScript/JS(app.launchURL('http://127.0.0.1:1/stolen'))>>"

PAPERS = (
    Specimen("kids loop.pdf", partial(paper, {2: "<</Type/Pages/Kids[2 0 R 3 0 R 2 0 R]/Count 3>>"})),
    Specimen("kids many.pdf", partial(paper, {2: f"<</Type/Pages/Kids[{'3 0 R ' * 50_000}]/Count 50000>>"})),
    Specimen("kids lie.pdf", partial(paper, {2: "<</Type/Pages/Kids[3 0 R]/Count 2147483647>>"})),
    Specimen("kids deep.pdf", deep_tree),
    Specimen("previous loop.pdf", partial(paper, {}, "/Prev 9")),
    Specimen(
        "object stream loop.pdf",
        partial(paper, {6: stream(b"7 0 <</A 1>>", "/Type/ObjStm/N 1/First 4/Extends 6 0 R"), 7: "6 0 R"}),
    ),
    Specimen("reference loop.pdf", partial(paper, {4: "6 0 R", 6: "7 0 R", 7: "6 0 R"})),
    Specimen("length loop.pdf", partial(paper, {4: "<</Length 4 0 R>>stream\nBT ET\nendstream"})),
    Specimen("outline loop.pdf", partial(paper, {
        1: "<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>", 6: "<</First 7 0 R/Last 7 0 R>>",
        7: "<</Title(x)/Next 7 0 R/First 6 0 R/Parent 6 0 R>>",
    })),
    Specimen("drawing loop.pdf", partial(paper, {
        3: DRAWN, 4: stream(b"/X Do"),
        6: stream(b"/X Do /X Do", "/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 6 0 R>>>>"),
    })),
    Specimen("deflated.pdf", lambda: paper({4: deflated(b"q 0 0 m Q ", 500)}), bomb=False),
    Specimen("deflated four times.pdf", lambda: paper({4: several_times_deflated()})),
    Specimen("font.pdf", lambda: paper({
        5: "<</Type/Font/Subtype/TrueType/BaseFont/X/FontDescriptor 6 0 R>>",
        6: "<</Type/FontDescriptor/FontName/X/FontFile2 7 0 R>>", 7: deflated(b"\0\1\0\0", 300),
    })),
    Specimen("names.pdf", lambda: paper({4: stream(b"/" + b"#41" * 2_000_000 + b" gs " + TEXT)})),
    Specimen("jbig2.pdf", partial(paper, {
        3: DRAWN, 4: stream(b"/X Do"),
        6: stream(b"\0\0\0\0" * 99, f"{IMAGE}/Width 65535/Height 65535/BitsPerComponent 1/Filter/JBIG2Decode"),
    })),
    Specimen("fax.pdf", partial(paper, {
        3: DRAWN, 4: stream(b"/X Do"),
        6: stream(b"\xff" * 99, f"{IMAGE}/Width 99999/Height 99999/BitsPerComponent 1/Filter/CCITTFaxDecode"),
    })),
    Specimen("huge page.pdf", partial(paper, {
        3: DRAWN.replace("612 792", "1000000000 1000000000"), 4: stream(b"1000000000 0 0 1000000000 0 0 cm /X Do"),
        6: stream(b"\x55", f"{IMAGE}/Width 8/Height 1/BitsPerComponent 1"),
    })),
    Specimen("script.pdf", partial(paper, {
        1: f"<</Type/Catalog/Pages 2 0 R/OpenAction {SCRIPT}/AA<</WC<</S/Launch/F(/bin/sh)>>>>>>",
    }), {READ}, never="stolen"),
    Specimen("nested arrays.pdf", lambda: paper({4: stream(b"[" * 500_000)})),
    Specimen("locked.pdf", lambda: files.pdf(password="secret"), {"encrypted"}),
    Specimen("only a head.pdf", lambda: b"%PDF-1.7\n", NOT_READ),
    Specimen("cut.pdf", lambda: cut_at(files.pdf(), 0.6), ANYHOW),
)  # fmt: skip
