"""What storage does: from events to the record."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from libs.events.catalogue import (
    DocumentFound,
    DocumentStored,
    ErasureBegun,
    ErasureDone,
    ErasureRequested,
    Event,
    SubmissionCreated,
    SubmissionStored,
)
from libs.events.delivery import Answers, Received
from libs.objects.store import ORIGINALS, MissingObject, ObjectStore
from libs.postgres.pool import Pool
from libs.service import audit
from services.storage import erasure, journey, records
from services.storage.erasure import Eraser

NAMES_AT_ONCE = 16
"""Objects asked for their names at once."""
UNNAMED = "file"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    pool: Pool
    objects: ObjectStore
    eraser: Eraser


async def record(received: Sequence[Received[SubmissionCreated | DocumentFound]], parts: Parts) -> Answers:
    """Keep submissions and found documents as rows, then tell that each, and each file, is stored."""
    names = await _names([one.event for one in received if isinstance(one.event, DocumentFound)], parts.objects)
    await records.insert(parts.pool, received, names)
    return [_stored(one.event) for one in received]


async def follow(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write every event into the journey, and what it says of its document into that document's state."""
    await journey.write(parts.pool, received)
    return [()] * len(received)


async def erase(event: ErasureRequested | ErasureBegun, parts: Parts) -> Sequence[Event]:
    """First the tombstone, so that nothing comes back; once it stands, the rows, the files and the stream's copies."""
    if isinstance(event, ErasureRequested):
        sequence = await parts.eraser.bury(event.submission_id)
        await erasure.note(parts.pool, event.submission_id, event.reason, sequence)
        audit.record("erasure begun", None, contact_id=event.submission_id, reason=event.reason)
        return [ErasureBegun(submission_id=event.submission_id)]
    removed = {
        "rows": await erasure.delete_rows(parts.pool, event.submission_id),
        "originals": await parts.objects.erase(f"{ORIGINALS}{event.submission_id}/"),
        **await parts.eraser.sweep(event.submission_id),
    }
    done = ErasureDone(submission_id=event.submission_id, owner="storage", removed=removed)
    return [done]


async def forget(submission_id: str, parts: Parts) -> None:
    """Undo what a handler made of a submission that was erased meanwhile."""
    await erasure.delete_rows(parts.pool, submission_id)


async def _names(found: Sequence[DocumentFound], objects: ObjectStore) -> dict[str, str]:
    """The name of each found document, by its key; empty while its object is missing."""
    slots = asyncio.Semaphore(NAMES_AT_ONCE)

    async def look(key: str) -> str:
        async with slots:
            try:
                return await objects.name_of(key) or UNNAMED
            except MissingObject:
                return ""

    keys = [event.object_key for event in found]
    return dict(zip(keys, await asyncio.gather(*map(look, keys)), strict=True))


def _stored(event: SubmissionCreated | DocumentFound) -> list[Event]:
    if isinstance(event, DocumentFound):
        about = event.model_dump(include={"submission_id", "number", "object_key", "content_type", "size", "sha256"})
        return [DocumentStored(**about)]
    files = [
        DocumentStored(
            submission_id=event.submission_id,
            number=a.number,
            object_key=a.object_key,
            content_type=a.content_type,
            size=a.size,
            sha256=a.sha256,
        )
        for a in event.attachments
    ]
    stored = SubmissionStored(submission_id=event.submission_id, attachments=len(files), held=event.held is not None)
    return [stored, *files]
