"""What storage does: from events to the record."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.events.catalogue import (
    DocumentStored,
    ErasureBegun,
    ErasureDone,
    ErasureRequested,
    Event,
    SubmissionCreated,
    SubmissionStored,
)
from libs.events.consume import Answers
from libs.events.delivery import Received
from libs.objects.store import ORIGINALS, ObjectStore
from libs.postgres.pool import Pool
from services.storage import erasure, journey, records
from services.storage.erasure import Eraser


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    pool: Pool
    objects: ObjectStore
    eraser: Eraser


async def record(received: Sequence[Received[SubmissionCreated]], parts: Parts) -> Answers:
    """Keep the submissions as rows, then tell that each, and each of its files, is stored."""
    await records.insert(parts.pool, received)
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


def _stored(event: SubmissionCreated) -> list[Event]:
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
