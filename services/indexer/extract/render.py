"""Pictures of the first pages: PDF by pypdfium2, images by Pillow. Runs only inside the sandbox's disposable process.

A picture is made from pixels alone, so nothing of the file goes with it: no metadata, no place where a photo was taken,
no bytes behind the image.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from itertools import count, islice

import pi_heif
import pypdfium2 as pdfium
from PIL import Image, ImageOps

from services.indexer.extract.pictures import (
    PAGE_BYTES,
    PAGE_PIXELS,
    THUMBNAIL_BYTES,
    THUMBNAIL_PIXELS,
    Pictures,
)
from services.indexer.extract.results import Limits, Unreadable, broken, encrypted, too_large, unsupported

pi_heif.register_heif_opener()

PDF = "application/pdf"
DECODERS = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/tiff": "TIFF",
    "image/webp": "WEBP",
    "image/gif": "GIF",
    "image/bmp": "BMP",
    "image/heic": "HEIF",
    "image/avif": "AVIF",
}
"""Content types of images, and the one decoder that may look at each."""
PAGED = "TIFF"
"""The format whose frames are pages; of the others the first frame is shown."""
PAPER = "white"
"""What shows through transparent pixels."""
QUALITIES = (80, 60, 40, 20)
"""Tried one after the other until a picture has few enough bytes; then it is made smaller."""
EFFORT = 2
"""Of the encoder, from 0 to 6: more costs twice the time for pictures that are hardly smaller."""
NICENESS = 9
"""On top of the service's: pictures yield the processors to reading."""


def render(content: bytes, content_type: str, limits: Limits) -> Pictures:
    """Pictures of the first `limits.pages` pages. Raises Unreadable when there is nothing that can be drawn."""
    os.nice(NICENESS)
    if content_type == PDF:
        drawn = _pdf(content)
    elif content_type in DECODERS:
        drawn = _image(content, DECODERS[content_type], limits)
    else:
        raise unsupported()
    thumbnail, pages = b"", list[bytes]()
    try:
        for page in islice(drawn, limits.pages):
            thumbnail = thumbnail or _encoded(_within(page, THUMBNAIL_PIXELS), THUMBNAIL_BYTES)
            pages.append(_encoded(page, PAGE_BYTES))
    except Unreadable:
        if not pages:  # otherwise those before the damage are shown
            raise
    if not pages:
        raise broken()
    return Pictures(thumbnail, tuple(pages))


def _pdf(content: bytes) -> Iterator[Image.Image]:
    """The pages, with what is filled into their forms."""
    try:
        document = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as error:
        raise (encrypted() if "password" in str(error).lower() else broken()) from None
    with contextlib.suppress(pdfium.PdfiumError):
        document.init_forms()
    try:
        for number in range(len(document)):
            page = document[number]
            side = max(page.get_size())
            if not side > 0:  # not a number, too
                raise broken()
            picture = page.render(scale=(PAGE_PIXELS - 0.5) / side).to_pil()  # it rounds up
            yield _within(picture.convert("RGB"), PAGE_PIXELS)
            page.close()
    except pdfium.PdfiumError:
        raise broken() from None


def _image(content: bytes, decoder: str, limits: Limits) -> Iterator[Image.Image]:
    """The frames that are pages, turned as the camera was held."""
    try:
        with Image.open(io.BytesIO(content), formats=(decoder,)) as image:
            for number in count() if decoder == PAGED else range(1):
                image.seek(number)
                if image.width * image.height > limits.pixels:
                    raise too_large()
                image.draft("RGB", (PAGE_PIXELS, PAGE_PIXELS))  # a JPEG is decoded no larger than is needed
                yield _upright(image)
    except EOFError:  # the last frame was the one before
        return
    except Image.DecompressionBombError:
        raise too_large() from None
    except (Unreadable, MemoryError):
        raise
    except Exception:  # noqa: BLE001 - decoders raise whatever a hostile file makes them
        raise broken() from None


def _upright(image: Image.Image) -> Image.Image:
    image.load()
    turned = image
    with contextlib.suppress(Exception):  # what is wrong with the metadata is not wrong with the picture
        turned = ImageOps.exif_transpose(image)
    return _within(_coloured(turned), PAGE_PIXELS)


def _coloured(image: Image.Image) -> Image.Image:
    """The picture in colours that a screen has, on paper where it is transparent."""
    if image.mode.startswith(("I", "F")):
        return _eight_bit(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = Image.new("RGBA", layer.size, PAPER)
    return Image.alpha_composite(paper, layer).convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Deep grey values spread over those that a screen shows."""
    deep = image.convert("F")
    darkest, lightest = deep.getextrema()
    scale = 255 / ((lightest - darkest) or 1)  # type: ignore[operator]
    return deep.point(lambda value: value * scale - darkest * scale).convert("L")  # type: ignore[operator]


def _within(image: Image.Image, longest: int) -> Image.Image:
    """The picture, made smaller if a side is longer; never larger."""
    if max(image.size) <= longest:
        return image
    scale = longest / max(image.size)
    width, height = (min(longest, max(1, round(side * scale))) for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=2.0)


def _encoded(image: Image.Image, most: int) -> bytes:
    """The pixels as WebP of at most `most` bytes."""
    bare = Image.frombytes("RGB", image.size, image.tobytes())  # and nothing else that the image knows
    for quality in QUALITIES:
        out = io.BytesIO()
        bare.save(out, "WEBP", quality=quality, method=EFFORT)
        if out.tell() <= most:
            return out.getvalue()
    return _encoded(_within(bare, max(1, max(bare.size) // 2)), most)
