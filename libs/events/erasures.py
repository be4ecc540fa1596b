"""Whether a submission was erased: what the consumer loop asks before a handler and after its effects.

One look at the newest `erasure.begun` (flat in time) answers for a whole batch that nothing was erased lately; only
if something was, each submission's own subject is looked up for its tombstone.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from libs.events.catalogue import ErasureBegun, SubmissionCreated, SubmissionErased
from libs.events.errors import InvalidEvent
from libs.events.history import History

STRAGGLER = timedelta(minutes=10)
"""How long after an erasure an event of the erased submission could still be published: longer than any handler that
passed its last look takes to publish."""
LOOK_UPS_AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest erasure that began: its place in the stream and its time."""

    sequence: int = 0
    time: datetime | None = None

    def concerns(self, since: datetime) -> bool:
        """Whether an event stored at `since` or later can belong to an erased submission."""
        return self.time is not None and since < self.time + STRAGGLER


class Erasures:
    """What the stream says of erasures."""

    def __init__(self, history: History) -> None:
        self._history = history

    async def newest(self) -> Newest:
        """The newest erasure. Raises Transient when NATS does not answer."""
        with contextlib.suppress(InvalidEvent):
            # A subject with a wildcard asks for the last message of all that match it (ADR-31).
            stored = await self._history.read(f"{ErasureBegun.type}.*")
            if stored is not None:
                return Newest(stored.sequence, stored.time)
        return Newest()

    async def erased(self, submission_ids: Iterable[str]) -> set[str]:
        """Those of the submissions that have a tombstone. Raises Transient when NATS does not answer."""
        slots = asyncio.Semaphore(LOOK_UPS_AT_ONCE)

        async def look(submission_id: str) -> str | None:
            async with slots:
                with contextlib.suppress(InvalidEvent):
                    stored = await self._history.read(f"{SubmissionCreated.type}.{submission_id}")
                    if stored is not None and isinstance(stored.event, SubmissionErased):
                        return submission_id
            return None

        found = await asyncio.gather(*(look(one) for one in set(submission_ids)))
        return {one for one in found if one is not None}
