"""Pictures of pages are drawn in the real sandbox, from pixels alone; what cannot be drawn says why."""

import io
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo
from reportlab.pdfgen.canvas import Canvas

from services.indexer import previews
from services.indexer.extract.pictures import PAGE_PIXELS, THUMBNAIL_BYTES, THUMBNAIL_PIXELS, Pictures, dimensions
from services.indexer.sandbox import Sandbox, Unreadable
from tests.support import files

PDF = "application/pdf"
PAGES = 5
LIMITS = previews.limits(PAGES)
SECRET = b"52.5200 N, 13.4050 E"
RED, WHITE, BLUE = (200, 30, 30), (255, 255, 255), (30, 30, 200)
HEIC = Path(__file__).parent.parent / "data" / "red-and-white.heic"
"""64 by 48 pixels, the left half red; made with Pillow and libheif."""


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


async def drawn(sandbox: Sandbox, content: bytes, content_type: str) -> Pictures:
    _, blobs = await sandbox.run("render", content, content_type, LIMITS)
    return Pictures.heard(blobs, PAGES)


def halves(width: int = 640, height: int = 480) -> Image.Image:
    """A picture whose left half is red."""
    picture = Image.new("RGB", (width, height), WHITE)
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2 - 1, height - 1), fill=RED)
    return picture


def saved(picture: Image.Image, kind: str, **more: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **more)
    return out.getvalue()


def colour(webp: bytes, x: float, y: float) -> tuple[int, ...]:
    """The colour at a place, each from 0 to 1, rounded to what compression leaves of it."""
    picture = Image.open(io.BytesIO(webp)).convert("RGB")
    return picture.getpixel((round(x * (picture.width - 1)), round(y * (picture.height - 1))))


def alike(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 24 for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "GIF", "BMP", "AVIF", "HEIC"])
async def test_an_image_of_each_kind_is_drawn_as_it_looks(sandbox: Sandbox, kind: str) -> None:
    content = HEIC.read_bytes() if kind == "HEIC" else saved(halves(), kind)
    pictures = await drawn(sandbox, content, f"image/{kind.lower()}")
    assert len(pictures.pages) == 1
    for picture in (pictures.thumbnail, *pictures.pages):
        assert alike(colour(picture, 0.1, 0.5), RED)
        assert alike(colour(picture, 0.9, 0.5), WHITE)
    assert len(pictures.thumbnail) <= THUMBNAIL_BYTES
    assert max(dimensions(pictures.thumbnail)) <= THUMBNAIL_PIXELS


async def test_a_pdf_of_five_thousand_pages_is_drawn_up_to_the_limit(sandbox: Sandbox) -> None:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=(300, 200))
    for number in range(5000):
        canvas.drawString(20, 100, f"page {number}")
        canvas.showPage()
    canvas.save()
    pictures = await drawn(sandbox, out.getvalue(), PDF)
    assert len(pictures.pages) == PAGES
    assert pictures.size == (PAGE_PIXELS, 933)
    assert dimensions(pictures.thumbnail) == (THUMBNAIL_PIXELS, 213)


async def test_what_is_filled_into_a_form_is_drawn(sandbox: Sandbox) -> None:
    def form(value: str) -> bytes:
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=(300, 200), invariant=1)
        canvas.acroForm.textfield(name="name", value=value, x=20, y=80, width=200, height=30, borderStyle="solid")
        canvas.showPage()
        canvas.save()
        return out.getvalue()

    empty, filled = [(await drawn(sandbox, form(value), PDF)).pages[0] for value in ("", "Ada Lovelace")]
    dark = [sum(Image.open(io.BytesIO(page)).convert("L").histogram()[:100]) for page in (empty, filled)]
    assert dark[1] > dark[0] + 500


async def test_the_frames_of_a_tiff_are_pages_and_of_an_animation_the_first_is_shown(sandbox: Sandbox) -> None:
    frames = [halves(), Image.new("RGB", (300, 300), BLUE), *[Image.new("RGB", (10, 10))] * 5]
    scan = await drawn(sandbox, saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]), "image/tiff")
    assert len(scan.pages) == PAGES
    assert alike(colour(scan.pages[1], 0.5, 0.5), BLUE)
    animation = saved(frames[0], "GIF", save_all=True, append_images=[Image.new("RGB", (640, 480), BLUE)])
    shown = await drawn(sandbox, animation, "image/gif")
    assert len(shown.pages) == 1
    assert alike(colour(shown.pages[0], 0.1, 0.5), RED)


async def test_a_photo_is_turned_as_the_camera_was_held(sandbox: Sandbox) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the left of what is stored is the top of what was seen
    pictures = await drawn(sandbox, saved(halves(), "JPEG", exif=exif), "image/jpeg")
    assert pictures.size == (480, 640)
    assert alike(colour(pictures.pages[0], 0.5, 0.1), RED)
    assert alike(colour(pictures.pages[0], 0.5, 0.9), WHITE)


async def test_deep_grey_and_transparent_images_are_drawn_as_a_screen_shows_them(sandbox: Sandbox) -> None:
    grey = Image.new("I;16", (100, 100), 40_000)
    grey.paste(20_000, (0, 0, 50, 100))
    deep = await drawn(sandbox, saved(grey, "PNG"), "image/png")
    assert colour(deep.pages[0], 0.1, 0.5)[0] < 30
    assert colour(deep.pages[0], 0.9, 0.5)[0] > 225
    layer = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    layer.paste((*RED, 255), (0, 0, 50, 100))
    clear = await drawn(sandbox, saved(layer, "PNG"), "image/png")
    assert alike(colour(clear.pages[0], 0.1, 0.5), RED)
    assert alike(colour(clear.pages[0], 0.9, 0.5), WHITE)


def photo(kind: str) -> bytes:
    """An image that tells where it was taken, in every way its format has."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8825)[27] = SECRET
    notes = PngInfo()
    notes.add_text("Comment", SECRET.decode())
    ways = {
        "JPEG": {"exif": exif, "comment": SECRET, "xmp": SECRET, "icc_profile": SECRET},
        "PNG": {"exif": exif, "pnginfo": notes, "icc_profile": SECRET},
        "WEBP": {"exif": exif, "xmp": SECRET, "icc_profile": SECRET},
    }
    return saved(halves(), kind, **ways[kind])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_nothing_of_what_a_photo_tells_is_in_its_pictures(sandbox: Sandbox, kind: str) -> None:
    content = photo(kind)
    assert SECRET in content
    for picture in (await drawn(sandbox, content, f"image/{kind.lower()}")).told()[1]:
        assert SECRET not in picture
        opened = Image.open(io.BytesIO(picture))
        assert not opened.getexif()
        assert not {"exif", "xmp", "icc_profile", "comment"} & opened.info.keys()


async def test_what_follows_an_image_in_its_file_does_not_follow_its_picture(sandbox: Sandbox) -> None:
    polyglot = saved(halves(), "JPEG") + b"PK\x03\x04 <script>alert(1)</script> " + SECRET
    pictures = await drawn(sandbox, polyglot, "image/jpeg")
    assert pictures.told()[1] == (await drawn(sandbox, saved(halves(), "JPEG"), "image/jpeg")).told()[1]


async def test_the_same_bytes_give_the_same_pictures(sandbox: Sandbox) -> None:
    content = files.pdf(files.SENTENCE, "second")
    assert await drawn(sandbox, content, PDF) == await drawn(sandbox, content, PDF)


async def test_a_picture_that_compresses_badly_is_still_small(sandbox: Sandbox) -> None:
    noise = Image.effect_noise((2000, 2000), 120).convert("RGB")
    pictures = await drawn(sandbox, saved(noise, "PNG"), "image/png")
    assert len(pictures.thumbnail) <= THUMBNAIL_BYTES


async def test_the_pages_before_a_damaged_one_are_shown(sandbox: Sandbox) -> None:
    frames = saved(halves(), "TIFF", save_all=True, append_images=[halves()], compression="tiff_lzw")
    pictures = await drawn(sandbox, frames[:-400], "image/tiff")
    assert len(pictures.pages) == 1


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is this large, and is not."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(b"\x00" * 100), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.parametrize(
    ("content", "content_type", "reason"),
    [
        (files.pixel_bomb(), "image/png", "too_large"),
        (png_of(100_000, 100_000), "image/png", "too_large"),
        (png_of(2000, 2000), "image/png", "broken"),
        (saved(halves(), "JPEG")[:900], "image/jpeg", "broken"),
        (saved(halves(), "GIF"), "image/png", "broken"),
        (files.pdf(password="secret"), PDF, "encrypted"),
        (b"%PDF-1.7\nnothing of a PDF follows", PDF, "broken"),
        (b"", PDF, "broken"),
        (files.docx(), "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "unsupported"),
        (b"Hello", "text/plain", "unsupported"),
    ],
    ids=["bomb", "huge", "empty png", "cut off", "another kind", "encrypted", "broken", "no bytes", "office", "text"],
)
async def test_what_cannot_be_drawn_says_why(sandbox: Sandbox, content: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        await drawn(sandbox, content, content_type)
    assert refusal.value.reason == reason


def webp(**more: object) -> bytes:
    return saved(halves(32, 24), "WEBP", **more)


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        saved(halves(), "PNG"),
        webp() + b"more",
        webp()[:-2],
        webp(lossless=True),
        webp(exif=b"Exif\x00\x00" + SECRET),
        webp(xmp=SECRET),
        saved(halves(2000, 10), "WEBP"),
    ],
    ids=["nothing", "svg", "png", "more behind", "cut off", "lossless", "exif", "xmp", "too large"],
)
async def test_a_sandbox_that_was_taken_over_can_tell_nothing_but_plain_small_pictures(hostile: bytes) -> None:
    good = webp()
    assert Pictures.heard([good, good], PAGES).size == (32, 24)
    for told in ([hostile, good], [good, hostile], [good], [], [good] * (PAGES + 2)):
        with pytest.raises(ValueError):  # noqa: PT011 - whatever the message
            Pictures.heard(told, PAGES)
