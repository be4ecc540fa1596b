"""What storage does: from events to the record."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.events.catalogue import DocumentStored, Event, SubmissionCreated, SubmissionStored
from libs.events.consume import Answers
from libs.events.delivery import Received
from libs.postgres.pool import Pool
from services.storage import journey, records


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    pool: Pool


async def record(received: Sequence[Received[SubmissionCreated]], parts: Parts) -> Answers:
    """Keep the submissions as rows, then tell that each, and each of its files, is stored."""
    await records.insert(parts.pool, received)
    return [_stored(one.event) for one in received]


async def follow(received: Sequence[Received[Event]], parts: Parts) -> Answers:
    """Write every event into the journey, and what it says of its document into that document's state."""
    await journey.write(parts.pool, received)
    return [()] * len(received)


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
