"""The way into xberg: bytes only (a URI could fetch what it likes), and its failures as what they mean."""

import asyncio
from importlib.metadata import version

import xberg

from services.indexer.extract.results import Limits, Unreadable, broken, encrypted, too_large, unsupported

NAME = f"xberg {version('xberg')}"


def convert(content: bytes, filename: str, config: xberg.ExtractionConfig) -> xberg.ExtractedDocument:
    """One document from its bytes. Raises Unreadable when xberg refuses it or finds it damaged."""
    given = xberg.ExtractInput(kind="bytes", bytes=content, filename=filename)
    try:
        result = asyncio.run(xberg.extract(given, config))
    except (xberg.XbergError, RuntimeError, ValueError) as error:
        raise meaning(str(error)) from None
    if not result.results:
        raise meaning(" ".join(str(getattr(item, "message", item)) for item in result.errors))
    return result.results[0]


def without_ocr(limits: Limits) -> xberg.ExtractionConfig:
    """How xberg is to read text that is text, page by page where it knows pages."""
    return xberg.ExtractionConfig(
        use_cache=False,
        disable_ocr=True,
        max_archive_depth=0,
        security_limits=xberg.SecurityLimits(max_pages=limits.pages),
    )


def meaning(text: str) -> Unreadable:
    """What xberg's words about a failure say of the document."""
    text = text.lower()
    if "password" in text or "encrypt" in text:
        return encrypted()
    if any(word in text for word in ("limit", "exceeds", "too large", "memory")):
        return too_large()
    if "unsupported" in text or "octet-stream" in text:
        return unsupported()
    return broken()
