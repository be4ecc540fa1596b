"""Words in pictures: Tesseract (inside xberg), one language at a time, with the language data from wheels."""

import io
import os
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pi_heif
import xberg
from PIL import Image, ImageOps

from services.indexer.extract import dates
from services.indexer.extract.engine import NAME as ENGINE
from services.indexer.extract.engine import convert
from services.indexer.extract.quality import quality
from services.indexer.extract.results import Extracted, Limits, broken, too_large
from services.indexer.language import detect

TYPES = frozenset(
    {
        "image/png", "image/jpeg", "image/tiff", "image/webp", "image/gif", "image/bmp", "image/heic", "image/avif",
    }
)  # fmt: skip
NAME = f"tesseract ({ENGINE})"
LANGUAGES_VARIABLE = "OCR_LANGUAGES"
AUTOMATIC = "auto"
AUTOMATIC_WITH_ORIENTATION = 1
"""Tesseract's page segmentation mode that also turns a page lying on its side."""
FIRST = "eng"
DOUBTFUL = 0.7
"""Below this quality other languages are tried, too."""
JUDGED_CHARACTERS = 30
"""A text needs as many for its language to count."""
ISO = {
    "ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "chi_sim": "zh", "chi_tra": "zh", "dan": "da", "deu": "de",
    "ell": "el", "eng": "en", "est": "et", "fin": "fi", "fra": "fr", "heb": "he", "hin": "hi", "hrv": "hr",
    "hun": "hu", "ind": "id", "ita": "it", "jpn": "ja", "kor": "ko", "lav": "lv", "lit": "lt", "nld": "nl",
    "nor": "no", "pol": "pl", "por": "pt", "ron": "ro", "rus": "ru", "slk": "sk", "slv": "sl", "spa": "es",
    "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk", "vie": "vi",
}  # fmt: skip
"""Tesseract's names of languages and those of ISO 639-1."""
EXIF_TIMES = (36867, 306)
"""When it was taken, when it was changed."""
DIRECTORY = 0x8769


def tessdata() -> Path:
    """The folder of Tesseract's language data, as the wheels install it."""
    return Path(sysconfig.get_path("data")) / "share" / "tessdata"


@cache
def languages() -> tuple[str, ...]:
    """What may be read, the first before the others: as it is set, or all whose data is installed."""
    installed = sorted(file.stem for file in tessdata().glob("*.traineddata") if file.stem != "osd")
    wanted = [name.strip() for name in os.environ.get(LANGUAGES_VARIABLE, AUTOMATIC).split(",")]
    if wanted != [AUTOMATIC]:
        installed = [name for name in wanted if name in installed]
    else:
        installed.sort(key=lambda name: name != FIRST)
    return tuple(installed) or (FIRST,)


def read(content: bytes, _content_type: str, limits: Limits) -> Extracted:
    """The words in an image, of all its frames. Raises Unreadable when it is no image, or has too many pixels."""
    eye = Eye()
    pages, frames, taken = look(content, eye, limits)
    return Extracted(pages, extractor=eye.name, created=taken, page_count=frames, ocr=True, route=eye.route)


def look(content: bytes, eye: "Eye", limits: Limits) -> tuple[tuple[str, ...], int, str]:
    """The words in each frame of an image, how many it has, and when it was taken."""
    pi_heif.register_heif_opener()
    try:
        with Image.open(io.BytesIO(content)) as image:
            frames = getattr(image, "n_frames", 1)
            pages = tuple(eye.words(frame) for frame in _frames(image, min(frames, limits.ocr_pages), limits))
            return pages, max(1, frames), _taken(image)
    except Image.DecompressionBombError:
        raise too_large() from None
    except (OSError, ValueError, SyntaxError, EOFError):
        raise broken() from None


@dataclass(slots=True)
class Eye:
    """Reads the pages of one document, and keeps to the language that the first of them turned out to be in."""

    language: str = ""
    route: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What reads, and in which language."""
        return f"{NAME} {self.language}".strip()

    def words(self, image: bytes) -> str:
        """The words in one image. Raises Unreadable when it cannot be opened."""
        if self.language:
            return _words(image, self.language)
        text, self.language, self.route = chosen(lambda language: _words(image, language), languages())
        if not text:
            self.language = ""  # a page without words tells nothing of the next one
        return text


def chosen(reading: Callable[[str], str], among: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    """A text read in the language it is in: the text, the language, and how it was found.

    Two languages at once would take as long, and read worse than the right one alone (docs/decisions/0007).
    """
    first = among[0]
    text = reading(first)
    if not text or len(among) == 1:
        return text, first, (f"ocr: {first}",)
    told = detect(text) if len(text) >= JUDGED_CHARACTERS else ""
    better = next((name for name in among if ISO.get(name) == told), "")
    if better == first:
        return text, first, (f"ocr: {first}, which it is in",)
    if better:
        return reading(better), better, (f"ocr: {first} told that it is in {better}",)
    if quality([text]) >= DOUBTFUL:
        return text, first, (f"ocr: {first}, its words look right",)
    tried = {first: text} | {name: reading(name) for name in among[1:]}
    best = max(tried, key=lambda name: quality([tried[name]]) if tried[name] else 0.0)
    return tried[best], best, (f"ocr: {best} looks best of {len(tried)} languages",)


def configuration(language: str) -> xberg.ExtractionConfig:
    """How xberg is to do OCR: offline, without a cache on disk (it would keep what it read)."""
    tesseract = xberg.TesseractConfig(
        language=[language], psm=AUTOMATIC_WITH_ORIENTATION, output_format="text", use_cache=False
    )
    ocr = xberg.OcrConfig(language=[language], tesseract_config=tesseract, tessdata_path=str(tessdata()))
    return xberg.ExtractionConfig(use_cache=False, ocr=ocr)


def _words(image: bytes, language: str) -> str:
    return str(convert(image, "image", configuration(language)).content).strip()


def _frames(image: Image.Image, most: int, limits: Limits) -> Iterator[bytes]:
    """Each frame upright, as PNG; its pixels are counted before it is decoded."""
    for number in range(most):
        image.seek(number)
        width, height = image.size
        if width * height > limits.pixels:
            raise too_large()
        yield png(ImageOps.exif_transpose(image))


def png(image: Image.Image) -> bytes:
    """The image on white, as PNG without anything but its pixels."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    out = io.BytesIO()
    image.convert("L" if image.mode in ("1", "L", "I;16") else "RGB").save(out, "PNG", compress_level=1)
    return out.getvalue()


def _taken(image: Image.Image) -> str:
    """When a camera says it took the picture."""
    exif = image.getexif()
    for number in EXIF_TIMES:
        value = exif.get_ifd(DIRECTORY).get(number) or exif.get(number)
        if isinstance(value, str) and value[:4].isdecimal():
            return dates.of_iso(value.strip("\x00 ").replace(":", "-", 2))
    return ""
