"""The status of a journey, from the events that are known of it, in whatever order they came."""

from datetime import UTC, datetime
from itertools import permutations

import pytest

from libs.events.catalogue import (
    Attachment,
    DocumentExtracted,
    DocumentFailed,
    DocumentFound,
    DocumentIndexed,
    DocumentStored,
    Event,
    NotificationFailed,
    NotificationSent,
    SubmissionCreated,
    SubmissionStored,
)
from libs.events.errors import InvalidEvent
from libs.events.history import History, Stored
from services.ingest.journey import TERMINAL, Journey, step

SID = "0123456789abcdef" * 2
WHEN = datetime(2026, 11, 3, 9, 30, 0, 123456, tzinfo=UTC)


def created(files: int = 0, held: str | None = None) -> SubmissionCreated:
    attachments = tuple(
        Attachment(number=str(n + 1), object_key="k", filename="f", content_type="text/plain", size=1, sha256="0" * 64)
        for n in range(files)
    )
    return SubmissionCreated(
        submission_id=SID,
        form="contact",
        created_at=WHEN,
        name="Ada",
        email="ada@visitor.example",
        message="Hi",
        attachments=attachments,
        held=held,
    )


def stored(files: int = 0) -> SubmissionStored:
    return SubmissionStored(submission_id=SID, attachments=files)


def indexed(number: str = "0") -> DocumentIndexed:
    return DocumentIndexed(submission_id=SID, number=number)


def failed(number: str) -> DocumentFailed:
    return DocumentFailed(submission_id=SID, number=number, reason="empty", message="The file is empty.")


def sent(target: str) -> NotificationSent:
    return NotificationSent(submission_id=SID, target=target)


def unsent(target: str) -> NotificationFailed:
    return NotificationFailed(submission_id=SID, target=target, outcome="refused", message="Refused.")


class Stream(History):
    """The stream as `events` fill it; counts what it is asked."""

    def __init__(self, *events: Event) -> None:
        self.events = {event.subject: (number, event) for number, event in enumerate(events, 1)}
        self.broken: set[str] = set()

    async def read(self, subject: str) -> Stored | None:
        if subject in self.broken:
            raise InvalidEvent(subject)
        if subject not in self.events:
            return None
        number, event = self.events[subject]
        return Stored(event, f"id-{number}", number, WHEN)


async def status(*events: Event) -> str:
    journey = Journey(Stream(*events), SID)
    await journey.look()
    return journey.status()


def read(number: str, *found: str) -> DocumentExtracted:
    return DocumentExtracted(
        submission_id=SID, number=number, text_key="k", characters=1, pages=1, extractor="x", found=found
    )


def file_of() -> dict[str, object]:
    return {"submission_id": SID, "object_key": "k", "content_type": "text/plain", "size": 1, "sha256": "0" * 64}


def found(number: str) -> tuple[Event, ...]:
    """A document found inside another, until it waits to be read."""
    return DocumentFound(number=number, **file_of()), DocumentStored(number=number, **file_of())


BOTH = (sent("owner"), sent("sender"))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), "unknown"),
        ((created(),), "accepted"),
        ((created(), indexed(), *BOTH), "accepted"),
        ((created(), stored()), "processing"),
        ((created(), stored(), indexed()), "processing"),
        ((created(), stored(), indexed(), sent("owner")), "processing"),
        ((created(), stored(), indexed(), *BOTH), "done"),
        ((created(1), stored(1), indexed(), *BOTH), "processing"),
        ((created(1), stored(1), indexed(), indexed("1"), *BOTH), "done"),
        ((created(2), stored(2), indexed(), indexed("1"), failed("2"), *BOTH), "partly failed"),
        ((created(2), stored(2), indexed(), failed("1"), *BOTH), "processing"),
        ((created(), stored(), indexed(), unsent("owner"), sent("sender")), "partly failed"),
        ((created(), stored(), indexed(), sent("owner"), unsent("sender")), "done"),
        ((created(held="honeypot"), stored()), "processing"),
        ((created(held="honeypot"), stored(), indexed()), "held"),
        ((created(1, held="honeypot"), stored(1), indexed()), "processing"),
        ((created(1, held="honeypot"), stored(1), indexed(), failed("1")), "held"),
    ],
)
async def test_the_status_says_what_is_still_to_come(events: tuple[Event, ...], expected: str) -> None:
    assert await status(*events) == expected
    assert (expected in TERMINAL) == (expected in ("done", "partly failed", "held"))


SENT = (created(1), stored(1), indexed(), *BOTH)
"""A submission with a file, of which nothing is known yet."""
OPENED = (*SENT, read("1", "1-1", "1-2"), indexed("1"))
"""Two documents were found in the file."""
NESTED = (*OPENED, *found("1-1"), read("1-1"), indexed("1-1"), *found("1-2"), read("1-2", "1-2-1"), indexed("1-2"))
"""And another one in the second of these."""


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((*SENT, read("1"), indexed("1")), "done"),
        (OPENED, "processing"),
        ((*OPENED, *found("1-1"), read("1-1"), indexed("1-1")), "processing"),
        ((*OPENED, *found("1-1"), *found("1-2"), failed("1-1"), failed("1-2")), "partly failed"),
        (NESTED, "processing"),
        ((*NESTED, *found("1-2-1")), "processing"),
        ((*NESTED, *found("1-2-1"), read("1-2-1"), indexed("1-2-1")), "done"),
        ((*NESTED, *found("1-2-1"), failed("1-2-1")), "partly failed"),
    ],
)
async def test_a_journey_waits_for_what_was_found_inside_its_files(events: tuple[Event, ...], expected: str) -> None:
    assert await status(*events) == expected
    assert await status(*reversed(events)) == expected


async def test_the_order_of_events_does_not_matter() -> None:
    events = (stored(1), indexed(), indexed("1"), *BOTH)
    assert {await status(created(1), *order) for order in permutations(events)} == {"done"}


async def test_a_look_tells_only_what_is_new_in_the_order_of_the_stream() -> None:
    stream = Stream(created(1), DocumentStored(number="1", **file_of()), stored(1))
    journey = Journey(stream, SID)
    assert [one.sequence for one in await journey.look()] == [1, 2, 3]
    assert await journey.look() == []
    stream.events[indexed().subject] = (4, indexed())
    assert [one.sequence for one in await journey.look()] == [4]
    assert [one.sequence for one in journey.events()] == [1, 2, 3, 4]


async def test_an_event_that_cannot_be_understood_is_left_out_and_hides_no_other() -> None:
    stream = Stream(created(), stored(), indexed(), *BOTH)
    stream.broken.add(sent("owner").subject)
    journey = Journey(stream, SID)
    await journey.look()
    assert journey.status() == "processing"
    assert len(journey.events()) == 4


async def test_an_event_that_arrives_during_a_look_is_told_after_those_before_it() -> None:
    stream = Stream(created(), stored())
    late = Stored(sent("sender"), "id", 9, WHEN)
    reading = stream.read

    async def meanwhile(subject: str) -> Stored | None:
        if subject == indexed().subject and late.event.subject not in stream.events:
            answer = await reading(subject)
            stream.events |= {indexed().subject: (8, indexed()), late.event.subject: (9, late.event)}
            return answer
        return await reading(subject)

    stream.read = meanwhile  # type: ignore[method-assign]
    assert [one.sequence for one in await Journey(stream, SID).look()] == [1, 2, 8, 9]


def test_a_step_shows_ids_and_reasons_and_nothing_else() -> None:
    def shown(event: Event) -> dict[str, object]:
        return step(Stored(event, "id", 7, WHEN))

    about = {"seq": 7, "time": "2026-11-03T09:30:00.123Z"}
    assert shown(created(1)) == {**about, "type": "submission.created"}
    assert shown(failed("2")) == {
        **about,
        "type": "document.failed",
        "document_id": f"{SID}-2",
        "reason": "The file is empty.",
    }
    assert shown(unsent("owner")) == {**about, "type": "notification.failed", "target": "owner", "reason": "Refused."}
    extracted = DocumentExtracted(
        submission_id=SID, number="1", text_key="text/x", characters=3, pages=1, extractor="x", tags=("invoice",)
    )
    assert shown(extracted) == {**about, "type": "document.extracted", "document_id": f"{SID}-1"}
