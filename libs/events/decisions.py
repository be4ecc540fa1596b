"""The owner's decision about a held submission, whoever brings it: search's page or the operator's command."""

from typing import Literal

from libs.events.catalogue import SubmissionCreated, SubmissionRejected, SubmissionReleased
from libs.events.errors import SubjectTaken
from libs.events.history import History
from libs.events.publish import Publisher

Decision = Literal["released", "rejected"]
EVENTS: dict[Decision, type[SubmissionReleased | SubmissionRejected]] = {
    "released": SubmissionReleased,
    "rejected": SubmissionRejected,
}


class NotHeld(Exception):
    """There is nothing to decide; the text says why, for people."""


async def decide(publisher: Publisher, history: History, submission_id: str, decision: Decision) -> None:
    """Release or reject a held submission; the same decision again changes nothing.

    Raises NotHeld when it is not held (any more) or was decided otherwise, Transient when NATS is away.
    """
    created = await history.read(f"{SubmissionCreated.type}.{submission_id}")
    if created is None:
        raise NotHeld("There is no such submission.")
    if not isinstance(created.event, SubmissionCreated):
        raise NotHeld("This submission was erased.")
    if created.event.held is None:
        raise NotHeld("This submission is not held.")
    for other, event in EVENTS.items():
        if other != decision and await history.read(event(submission_id=submission_id).subject) is not None:
            raise NotHeld(f"This submission was {other} already.")
    try:
        await publisher.publish(EVENTS[decision](submission_id=submission_id), cause="decision")
    except SubjectTaken:
        return
