"""Pictures of the pages of documents that were read, made in the sandbox and kept beside the originals."""

import logging
from collections.abc import Sequence

from libs.events.catalogue import DocumentExtracted, DocumentFailed, DocumentPreviewed, DocumentStored, Event
from libs.events.errors import Transient
from libs.objects import previews
from libs.objects.store import ObjectStore
from services.indexer.extract.pictures import Pictures
from services.indexer.handlers import Parts, read_again
from services.indexer.metrics import PREVIEWS
from services.indexer.sandbox import Limits, SandboxFailed, Unreadable

log = logging.getLogger(__name__)

SHOWN_THOUGH_UNREAD = frozenset({"no_text", "too_slow"})
"""Reasons of a failed reading that say nothing against a picture: a photo has no words."""
INFECTED = "infected"
"""The reason that leaves no picture, not even of an earlier try that found nothing wrong."""
NOTHING = Pictures(b"", ())


def limits(pages: int) -> Limits:
    """What drawing one document may cost. The processor's time counts: a picture that waits for it is not slow."""
    return Limits(pages=pages, wall_seconds=120, cpu_seconds=20, output_bytes=(pages + 1) * previews.MOST_BYTES)


async def preview(event: DocumentExtracted | DocumentFailed, parts: Parts, limits: Limits) -> Sequence[Event]:
    """Draw the first pages of a document that was read, and keep them; no page when nothing of it can be drawn."""
    infected = await _infected(event, parts)
    shown = isinstance(event, DocumentExtracted) or event.reason in SHOWN_THOUGH_UNREAD
    pictures = await _drawn(event, parts, limits) if shown and not infected else NOTHING
    if await read_again(event, parts):  # what is newer is drawn by its own event
        return []
    previewed = _previewed(event, pictures)
    told = await parts.history.read(previewed.subject) is not None
    if told and not pictures.pages and not infected:  # a generation may both be read and fail, when it was tried twice
        return []
    PREVIEWS.labels("drawn" if pictures.pages else "none").inc()
    kept = await _keep(parts.objects, event, pictures)
    if infected or event.generation > 1:
        await _drop_others(parts.objects, event, kept)
    return [] if told else [previewed]


async def _infected(event: DocumentExtracted | DocumentFailed, parts: Parts) -> bool:
    """Whether this reading, on whatever try, found that the document can do harm."""
    found: Event | None = event
    if isinstance(event, DocumentExtracted):
        subject = f"{DocumentFailed.type}.{event.submission_id}.{event.number}.{event.generation}"
        stored = await parts.history.read(subject)
        found = stored.event if stored is not None else None
    return isinstance(found, DocumentFailed) and found.reason == INFECTED


def _previewed(event: DocumentExtracted | DocumentFailed, pictures: Pictures) -> DocumentPreviewed:
    width, height = pictures.size if pictures.pages else (0, 0)
    return DocumentPreviewed(
        submission_id=event.submission_id,
        number=event.number,
        generation=event.generation,
        pages=len(pictures.pages),
        width=width,
        height=height,
    )


async def _drawn(event: DocumentExtracted | DocumentFailed, parts: Parts, limits: Limits) -> Pictures:
    found = await parts.history.read(f"{DocumentStored.type}.{event.submission_id}.{event.number}")
    if found is None or not isinstance(found.event, DocumentStored):
        log.warning("a document to be drawn is not in the stream any more", extra={"document_id": event.document_id})
        return NOTHING
    stored = found.event
    if not limits.pages or not stored.content_type.startswith(("image/", "application/pdf")):
        return NOTHING
    content = await parts.objects.read(stored.object_key, most=stored.size)
    try:
        _, blobs = await parts.sandbox.run("render", content, stored.content_type, limits)
        return Pictures.heard(blobs, limits.pages)
    except (Unreadable, ValueError) as fault:  # the document's: it has no picture then
        log.info("no picture", extra={"document_id": event.document_id, "reason": str(fault)})
        return NOTHING
    except SandboxFailed as error:
        raise Transient("sandbox", str(error)) from error


async def _keep(objects: ObjectStore, event: DocumentExtracted | DocumentFailed, pictures: Pictures) -> list[str]:
    """Put the pictures where the last reading's were; returns their keys."""
    kept = previews.keys(event.submission_id, event.number, len(pictures.pages))
    for key, content in zip(kept, (pictures.thumbnail, *pictures.pages), strict=False):
        await objects.put(key, content, previews.CONTENT_TYPE)
    return kept


async def _drop_others(objects: ObjectStore, event: DocumentExtracted | DocumentFailed, kept: Sequence[str]) -> None:
    """Remove what an earlier reading kept beyond these."""
    before = [key async for key, _, _ in objects.keys(previews.document_prefix(event.submission_id, event.number))]
    await objects.delete([key for key in before if key not in kept])
