"""Words in pictures: Tesseract (inside xberg), with the language data from a wheel."""

import io
import sysconfig
from pathlib import Path

import xberg
from PIL import Image

from services.indexer.extract.engine import NAME, convert
from services.indexer.extract.results import Extracted, Limits, too_large

TYPES = frozenset({"image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp", "image/heic"})
AUTOMATIC_WITH_ORIENTATION = 1
"""Tesseract's page segmentation mode that also turns a page lying on its side."""


def tessdata() -> Path:
    """The folder of Tesseract's language data, as the wheel installs it."""
    return Path(sysconfig.get_path("data")) / "share" / "tessdata"


def languages() -> list[str]:
    """The languages whose data is installed."""
    return sorted(file.stem for file in tessdata().glob("*.traineddata") if file.stem != "osd") or ["eng"]


def configuration() -> xberg.ExtractionConfig:
    """How xberg is to do OCR: offline, without a cache on disk (it would keep what it read)."""
    tesseract = xberg.TesseractConfig(
        language=languages(), psm=AUTOMATIC_WITH_ORIENTATION, output_format="text", use_cache=False
    )
    ocr = xberg.OcrConfig(language=languages(), tesseract_config=tesseract, tessdata_path=str(tessdata()))
    return xberg.ExtractionConfig(use_cache=False, ocr=ocr)


def read(content: bytes, limits: Limits) -> Extracted:
    """The words in an image, of all its frames. Raises Unreadable when it is no image, or has too many pixels."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
            frames = getattr(image, "n_frames", 1)
    except Image.DecompressionBombError:
        raise too_large() from None
    except (OSError, ValueError, SyntaxError):
        width = height = frames = 0  # formats that only xberg knows (HEIC): it has a limit of its own
    if width * height > limits.pixels:
        raise too_large()
    if frames > 1:
        pages = tuple(words(png) for png in _frames(content, min(frames, limits.ocr_pages)))
    else:
        pages = (words(content),)
    return Extracted(pages, extractor=f"tesseract ({NAME})", page_count=max(1, frames), ocr=True)


def words(image: bytes) -> str:
    """The words in one image. Raises Unreadable when it cannot be opened."""
    return str(convert(image, "image", configuration()).content).strip()


def _frames(content: bytes, most: int) -> list[bytes]:
    pages = []
    with Image.open(io.BytesIO(content)) as image:
        for number in range(most):
            image.seek(number)
            page = io.BytesIO()
            image.convert("RGB").save(page, "PNG")
            pages.append(page.getvalue())
    return pages
