"""Pictures."""

import io
import struct
import zlib
from functools import partial

from PIL import Image

from tests.hostile.archives import blown
from tests.hostile.specimen import ANYHOW, NOT_READ, READ, Specimen


def chunk(kind: bytes, content: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width: int, height: int, *more: bytes, data: bytes = b"") -> bytes:
    """A PNG that says it is so large."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + b"".join(more)
        + chunk(b"IDAT", data or zlib.compress(b"\0"))
        + chunk(b"IEND", b"")
    )


def pixels_png() -> bytes:
    """900 million white pixels, whole and right."""
    return png(30_000, 30_000, data=b"\x78\xda" + blown(b"\0", 859))


def text_png() -> bytes:
    """A small picture with half a gigabyte of compressed comment."""
    comment = b"Comment\0\0\x78\xda" + blown(b"0123456789abcdef", 500)
    return png(8, 8, chunk(b"zTXt", comment), data=zlib.compress(b"\0" * 72))


def profile_png() -> bytes:
    """A small picture with a colour profile that unpacks to 300 MiB."""
    profile = b"icc\0\0\x78\xda" + blown(b"0123456789abcdef", 300)
    return png(8, 8, chunk(b"iCCP", profile), data=zlib.compress(b"\0" * 72))


def tiff(width: int, height: int, following: int = 0) -> bytes:
    """A TIFF that says it is so large; `following`: where it says its next page is."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 8), (278, 4, height)]
    tags.append((279, 4, 8))
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return (
        b"II*\0"
        + struct.pack("<I", 16)
        + bytes(8)
        + struct.pack("<H", len(tags))
        + entries
        + struct.pack("<I", following)
    )


def gif(frames: int, width: int = 64, height: int = 64) -> bytes:
    """An animation."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * frames + b"\x3b"


def webp(width: int, height: int) -> bytes:
    """A WebP canvas that says it is so large."""
    sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + sizes
    return b"RIFF" + struct.pack("<I", len(body)) + body


def jpeg() -> bytes:
    """A JPEG whose head says 65,500 by 65,500."""
    out = io.BytesIO()
    Image.new("L", (16, 16)).save(out, "JPEG")
    picture = bytearray(out.getvalue())
    place = picture.index(b"\xff\xc0")
    picture[place + 5 : place + 9] = struct.pack(">HH", 65500, 65500)
    return bytes(picture)


def bmp() -> bytes:
    """A bitmap that says it is two billion lines high."""
    return (
        b"BM" + struct.pack("<IHHI", 1 << 20, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 9, -(2**31), 1, 24, *(0,) * 6)
    )


def heic() -> bytes:
    """Boxes in boxes."""
    boxes = b""
    for _ in range(5000):
        boxes = struct.pack(">I", len(boxes) + 8) + b"meta" + boxes
    return struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"heicmif1" + boxes


SCRIPT_SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>stolen()</script><text onclick="stolen()">x</text></svg>'

PICTURES = (
    Specimen("pixels.png", pixels_png, {"too_large"}, bomb=True),
    Specimen("lying.png", partial(png, 2**31 - 1, 2**31 - 1), NOT_READ, bomb=True),
    Specimen("comment.png", text_png),
    Specimen("profile.png", profile_png),
    Specimen("chunks.png", lambda: png(8, 8, chunk(b"tEXt", b"a\0b") * 200_000, data=zlib.compress(b"\0" * 72))),
    Specimen("huge.tiff", partial(tiff, 100_000, 100_000), NOT_READ, bomb=True),
    Specimen("pages loop.tiff", partial(tiff, 64, 64, 16)),
    Specimen("huge.webp", partial(webp, 16_383, 16_383), NOT_READ),
    Specimen("frames.gif", partial(gif, 10_000)),
    Specimen("huge.gif", partial(gif, 1, 65_535, 65_535), NOT_READ, bomb=True),
    Specimen("huge.jpg", jpeg, NOT_READ, bomb=True),
    Specimen("huge.bmp", bmp, NOT_READ),
    Specimen("boxes.heic", heic, NOT_READ),
    Specimen("script.svg", lambda: SCRIPT_SVG, ANYHOW - {READ}),
)
