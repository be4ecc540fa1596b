"""Keeps a handler from bringing back what was erased: the loop's looks before a handler and after its effects."""

from collections.abc import Awaitable, Callable, Sequence

from libs.events.catalogue import ERASURE, Event
from libs.events.delivery import Answers, Delivery
from libs.events.erasures import Erasures, Newest

Undo = Callable[[str], Awaitable[object]]
"""Erases what the handler may have made of a submission."""


class ErasureGuard:
    """One consumer's looks for tombstones, and how it undoes; without `undo` it lets everything pass."""

    def __init__(self, erasures: Erasures, undo: Undo | None) -> None:
        self._erasures = erasures
        self._undo = undo

    async def newest(self) -> Newest:
        """What a group's handling begins with. Raises Transient when NATS does not answer."""
        return Newest() if self._undo is None else await self._erasures.newest()

    async def erased(self, group: Sequence[Delivery], newest: Newest) -> list[Delivery]:
        """Those of the group that belong to erased submissions. Raises Transient when NATS does not answer."""
        if self._undo is None:
            return []
        suspects = {
            delivery.received.event.submission_id
            for delivery in group
            if delivery.received is not None
            and not isinstance(delivery.received.event, ERASURE)
            and (delivery.redriven or newest.concerns(delivery.received.time))
        }
        erased = await self._erasures.erased(suspects) if suspects else set()
        return [d for d in group if d.received is not None and _is_of(d.received.event, erased)]

    async def undone(self, events: Sequence[Event], answers: Answers, newest: Newest) -> Answers:
        """The answers that may be published: what was made of a submission erased since `newest` is undone.

        Raises Transient when NATS does not answer, and what the undoing raises.
        """
        if self._undo is None or await self._erasures.newest() == newest:
            return answers
        erased = await self._erasures.erased({e.submission_id for e in events if not isinstance(e, ERASURE)})
        for submission_id in erased:
            await self._undo(submission_id)
        return [() if _is_of(event, erased) else answer for event, answer in zip(events, answers, strict=True)]


def _is_of(event: Event, erased: set[str]) -> bool:
    return event.submission_id in erased and not isinstance(event, ERASURE)
