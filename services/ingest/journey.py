"""The journey of one submission, read from the stream event by event, each by its exact subject."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from libs.events.catalogue import (
    MESSAGE,
    DocumentEvent,
    DocumentExtracted,
    DocumentFailed,
    DocumentFound,
    DocumentIndexed,
    DocumentStored,
    Event,
    NotificationFailed,
    NotificationSent,
    SubmissionCreated,
    SubmissionErased,
    SubmissionRejected,
    SubmissionReleased,
    SubmissionStored,
)
from libs.events.errors import InvalidEvent
from libs.events.history import History, Stored

LOOK_UPS_AT_ONCE = 16
TERMINAL = frozenset({"done", "partly failed", "held", "rejected", "erased"})
TARGETS = ("owner", "sender")
FIRST_GENERATION = 1


@dataclass(slots=True)
class Journey:
    """What happened to a submission so far; `look` finds out more."""

    history: History
    submission_id: str
    found: dict[str, Stored] = field(default_factory=dict)

    async def look(self) -> list[Stored]:
        """The events that were not known yet, in the order of the stream.

        Looks again until a round finds nothing new: an event found in one round proves that all before it can be
        found in the next, so no event is ever told after a later one.
        """
        known = set(self.found)
        while await self._round():
            pass
        return sorted((self.found[subject] for subject in self.found.keys() - known), key=lambda one: one.sequence)

    async def _round(self) -> bool:
        # The tombstone may take the first event's subject at any time, so that one is always looked at.
        missing = [subject for subject in self._expected() if subject not in self.found or subject == self._first]
        slots = asyncio.Semaphore(LOOK_UPS_AT_ONCE)

        async def read(subject: str) -> Stored | None:
            async with slots:
                try:
                    return await self.history.read(subject)
                except InvalidEvent:
                    return None

        answers = await asyncio.gather(*(read(subject) for subject in missing))
        told = {_key(answer.event): answer for answer in answers if answer is not None}
        new = {key: answer for key, answer in told.items() if key not in self.found}
        self.found.update(new)
        return bool(new)

    @property
    def _first(self) -> str:
        return f"{SubmissionCreated.type}.{self.submission_id}"

    @property
    def created(self) -> SubmissionCreated | None:
        """What the visitor sent, when it is known here at all."""
        stored = self.found.get(self._first)
        return stored.event if stored is not None and isinstance(stored.event, SubmissionCreated) else None

    @property
    def erased(self) -> bool:
        """Whether the tombstone stands where the submission was."""
        return any(isinstance(stored.event, SubmissionErased) for stored in self.found.values())

    def _expected(self) -> Iterable[str]:
        created = self.created
        if self.erased:
            return
        yield self._first
        if created is None:
            return
        sid = self.submission_id
        yield SubmissionStored(submission_id=sid, attachments=0).subject
        yield f"{DocumentIndexed.type}.{sid}.{MESSAGE}.{FIRST_GENERATION}"
        for attachment in created.attachments:
            yield f"{DocumentStored.type}.{sid}.{attachment.number}"
            for kind in (DocumentExtracted, DocumentFailed, DocumentIndexed):
                yield f"{kind.type}.{sid}.{attachment.number}.{FIRST_GENERATION}"
        for number in self._numbers_found():
            yield from self._steps_of_found(number)
        decision = self._decision(created)
        if created.held is not None:
            yield SubmissionReleased(submission_id=sid).subject
            yield SubmissionRejected(submission_id=sid).subject
        if decision == "released":
            for target in TARGETS:
                yield f"{NotificationSent.type}.{sid}.{target}"
                yield f"{NotificationFailed.type}.{sid}.{target}"

    def _numbers_found(self) -> list[str]:
        """The numbers of the documents found inside others, as far as these were read."""
        known = (stored.event for stored in self.found.values())
        read = (e for e in known if isinstance(e, DocumentExtracted) and e.generation == FIRST_GENERATION)
        return sorted({number for event in read for number in event.found})

    def _steps_of_found(self, number: str) -> Iterable[str]:
        """What may be next: there can be hundreds of them, so nothing is asked for before what it follows from."""
        place = f"{self.submission_id}.{number}"
        yield f"{DocumentFound.type}.{place}"
        stored = f"{DocumentStored.type}.{place}"
        extracted, failed, indexed = (
            f"{kind.type}.{place}.{FIRST_GENERATION}" for kind in (DocumentExtracted, DocumentFailed, DocumentIndexed)
        )
        yield stored
        if extracted in self.found:
            yield indexed
        elif stored in self.found and failed not in self.found:
            yield extracted
            yield failed

    def events(self) -> list[Stored]:
        """All that is known, in the order of the stream."""
        return sorted(self.found.values(), key=lambda one: one.sequence)

    def _decision(self, created: SubmissionCreated) -> str:
        """`released` when mails may go out, otherwise `held` or `rejected`; of two decisions the first counts."""
        decisions = [s for s in self.events() if isinstance(s.event, SubmissionReleased | SubmissionRejected)]
        if created.held is None or (decisions and isinstance(decisions[0].event, SubmissionReleased)):
            return "released"
        return "rejected" if decisions else "held"

    def status(self) -> str:
        """Where the submission is; one of TERMINAL when nothing more will come."""
        if self.erased:
            return "erased"
        created = self.created
        if created is None:
            return "unknown"
        known = [stored.event for stored in self.found.values()]
        if not any(isinstance(event, SubmissionStored) for event in known):
            return "accepted"
        documents = {MESSAGE, *(attachment.number for attachment in created.attachments), *self._numbers_found()}
        failed = {event.number for event in known if isinstance(event, DocumentFailed)}
        indexed = {event.number for event in known if isinstance(event, DocumentIndexed)}
        if documents - failed - indexed:
            return "processing"
        decision = self._decision(created)
        if decision != "released":
            return decision
        told = {event.target for event in known if isinstance(event, NotificationSent | NotificationFailed)}
        if told != set(TARGETS):
            return "processing"
        unsent = any(isinstance(event, NotificationFailed) and event.target == "owner" for event in known)
        return "partly failed" if failed or unsent else "done"

    def as_json(self) -> dict[str, object]:
        """The public form, without personal data."""
        return {"id": self.submission_id, "status": self.status(), "events": [step(stored) for stored in self.events()]}


def _key(event: Event) -> str:
    """The event's subject; the tombstone's own type, because it shares the subject of what it stands for."""
    return f"{event.type}.{event.submission_id}" if isinstance(event, SubmissionErased) else event.subject


def step(stored: Stored) -> dict[str, object]:
    """One event as visitors may see it."""
    event: Event = stored.event
    told: dict[str, object] = {
        "seq": stored.sequence,
        "type": event.type,
        "time": stored.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if isinstance(event, DocumentEvent):
        told["document_id"] = event.document_id
    if isinstance(event, NotificationSent | NotificationFailed):
        told["target"] = event.target
    if isinstance(event, DocumentFailed | NotificationFailed) and event.message:
        told["reason"] = event.message
    if isinstance(event, DocumentExtracted) and event.note:
        told["reason"] = event.note
    return told
