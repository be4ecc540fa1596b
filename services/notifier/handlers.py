"""What notifier does: one mail to the owner and one answer to the sender, once."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from functools import partial
from typing import Literal

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from libs.events.catalogue import (
    ErasureBegun,
    ErasureDone,
    Event,
    NotificationFailed,
    NotificationSent,
    SubmissionCreated,
    SubmissionRejected,
    SubmissionReleased,
    SubmissionStored,
    Target,
)
from libs.events.errors import Transient
from libs.events.history import History
from libs.service.tracing import span
from services.notifier import messages
from services.notifier.channels import NOT_HANDED_OVER, Deferred, MailChannel, Refused, Uncertain
from services.notifier.sent import Sent
from services.notifier.settings import Settings

log = logging.getLogger(__name__)

MAILS = Counter("mails_total", "Mails by target and outcome.", ["target", "outcome"])
ATTEMPTS = Counter(
    "mail_attempts_total",
    "Times a mail was handed to the mail server: `sent`, `refused` (bounced at the door), `deferred`, `unavailable`, "
    "`uncertain`, or `interrupted` (the service was told to end).",
    ["target", "outcome"],
)
ATTEMPT_SECONDS = Histogram(
    "mail_attempt_seconds",
    "Time the mail server took for one mail.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
DELAY_SECONDS = Histogram(
    "mail_delay_seconds",
    "Time from the visitor's request until the mail server had the mail, of submissions that were not held.",
    ["target"],
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400),
)
for _target in ("owner", "sender"):  # an alert sees an increase only from what was there before
    for _end in ("sent", "failed", "uncertain"):
        MAILS.labels(_target, _end)

WRITE_AGAIN_SECONDS = 0.5
WITHDRAW_SECONDS = 5.0
BUSY_AGAIN_SECONDS = 2.0
TARGETS: tuple[Literal["owner", "sender"], ...] = ("owner", "sender")
FROM_STREAM = "as the stream tells"
ENDS: dict[type[Exception], str] = {
    Deferred: "deferred", Transient: "unavailable", Refused: "refused", Uncertain: "uncertain"
}  # fmt: skip
UNCERTAIN = "Nobody can tell whether this mail went out; it is not sent again."


@dataclass(frozen=True, slots=True)
class Parts:
    """What the handlers need."""

    history: History
    sent: Sent
    channel: MailChannel
    settings: Settings


async def tell(event: SubmissionStored | SubmissionReleased, parts: Parts) -> Sequence[Event]:
    """Mail the owner, and answer the sender; a held submission waits until it is released."""
    if isinstance(event, SubmissionStored) and event.held:
        return []
    if isinstance(event, SubmissionReleased) and await _rejected_before(event, parts.history):
        return []
    submission = await parts.history.submission(event.submission_id)
    if submission is None:
        raise LookupError(f"submission {event.submission_id} is not in the stream any more")
    settings = parts.settings
    owner = messages.owner_mail(submission, settings.mail_from, settings.mail_owner, settings.public_url)
    told = [await _send(submission, "owner", owner, parts), await _answer(submission, parts)]
    outcomes = {one.target: _outcome(one) for one in told}
    log.info("mails settled", extra={"submission_id": event.submission_id, **outcomes})
    return told


def _outcome(told: NotificationSent | NotificationFailed) -> str:
    return "sent" if isinstance(told, NotificationSent) else told.outcome


async def remember(event: Event, parts: Parts) -> Sequence[Event]:
    """The ledger rebuilt from what the stream proves of mails; nothing is sent."""
    if isinstance(event, NotificationSent):
        await parts.sent.remember(event.submission_id, event.target, "sent", FROM_STREAM)
    elif isinstance(event, NotificationFailed) and event.outcome != "no address":
        state = "uncertain" if event.outcome == "uncertain" else "failed"
        await parts.sent.remember(event.submission_id, event.target, state, FROM_STREAM)
    return []


async def replay(event: Event, parts: Parts) -> Sequence[Event]:
    """A replay with effects: first what the stream proves, then the mails that are still owed."""
    if isinstance(event, SubmissionStored | SubmissionReleased):
        return await tell(event, parts)
    return await remember(event, parts)


async def erase(event: ErasureBegun, parts: Parts) -> Sequence[Event]:
    """Forget the submission's mails, and tell which of them went out and cannot be taken back."""
    states = await parts.sent.erase(event.submission_id)
    mails: tuple[Target, ...] = tuple(t for t in TARGETS if states.get(t) in ("sent", "uncertain", "sending"))
    removed = {"ledger rows": len(states)}
    return [ErasureDone(submission_id=event.submission_id, owner="notifier", removed=removed, mails=mails)]


async def _rejected_before(released: SubmissionReleased, history: History) -> bool:
    """Of two decisions the first counts."""
    rejected = await history.read(SubmissionRejected(submission_id=released.submission_id).subject)
    ours = await history.read(released.subject) if rejected is not None else None
    return rejected is not None and (ours is None or rejected.sequence < ours.sequence)


async def _answer(submission: SubmissionCreated, parts: Parts) -> NotificationSent | NotificationFailed:
    settings = parts.settings
    answer = messages.sender_mail(submission, settings.mail_from, settings.public_url) if settings.mail_answer else None
    if answer is None:
        MAILS.labels("sender", "no address").inc()
        return _not_sent(submission.submission_id, "sender", "no address", "No answer is sent to this address.")
    return await _send(submission, "sender", answer, parts)


async def _send(
    submission: SubmissionCreated, target: Literal["owner", "sender"], message: EmailMessage, parts: Parts
) -> NotificationSent | NotificationFailed:
    """Send once, whatever was interrupted before: the ledger decides."""
    identity = submission.submission_id
    state = await parts.sent.begin(identity, target)
    while state == "busy":  # another attempt holds the row, or a crash left it: its lease ends the waiting
        await asyncio.sleep(BUSY_AGAIN_SECONDS)
        state = await parts.sent.begin(identity, target)
    if state == "sending":
        try:
            proven = await _proven(identity, target, parts)
        except (Transient, asyncio.CancelledError) as error:
            await _withdraw(parts, identity, target, error)
            raise
        state = proven or await _attempt(identity, target, message, parts)
        MAILS.labels(target, state).inc()
        if state == "sent" and submission.held is None:
            delay = (datetime.now(UTC) - submission.created_at).total_seconds()
            DELAY_SECONDS.labels(target).observe(max(0.0, delay))
    if state == "sent":
        return NotificationSent(submission_id=identity, target=target)
    if state == "uncertain":
        return _not_sent(identity, target, "uncertain", UNCERTAIN)
    return _not_sent(identity, target, "refused", "The mail server refused this mail.")


async def _proven(identity: str, target: Literal["owner", "sender"], parts: Parts) -> str:
    """The outcome that the stream knows although the ledger did not (it was lost): settled, and nothing is sent."""
    for event in (NotificationSent(submission_id=identity, target=target), _not_sent(identity, target, "refused", "")):
        stored = await parts.history.read(event.subject)
        if stored is None:
            continue
        state = "sent" if isinstance(stored.event, NotificationSent) else "failed"
        if isinstance(stored.event, NotificationFailed) and stored.event.outcome == "uncertain":
            state = "uncertain"
        return await _settle(parts, identity, target, state, reason=FROM_STREAM)
    return ""


async def _handed_over(target: str, message: EmailMessage, channel: MailChannel) -> str:
    """What the provider says; raises as the channel does."""
    outcome = "interrupted"
    try:
        with span("send mail", SpanKind.CLIENT), ATTEMPT_SECONDS.time():
            provider_id = await channel.send(message)
        outcome = "sent"
    except (Deferred, Transient, Refused, Uncertain) as error:
        outcome = ENDS[type(error)]
        raise
    finally:
        ATTEMPTS.labels(target, outcome).inc()
    return provider_id


async def _attempt(identity: str, target: str, message: EmailMessage, parts: Parts) -> str:
    try:
        provider_id = await _handed_over(target, message, parts.channel)
    except Deferred as error:
        if target == "owner":
            await _withdraw(parts, identity, target, error)
            raise
        return await _settle(
            parts, identity, target, "failed", reason=error.reason
        )  # one visitor's mailbox stops nobody
    except (Transient, asyncio.CancelledError) as error:
        if isinstance(error, Transient) or NOT_HANDED_OVER in error.args:
            await _withdraw(parts, identity, target, error)
        raise
    except Refused as error:
        return await _settle(parts, identity, target, "failed", reason=error.reason)
    except Uncertain as error:
        return await _settle(parts, identity, target, "uncertain", reason=error.reason)
    return await _settle(parts, identity, target, "sent", provider_id=provider_id)


async def _settle(
    parts: Parts, identity: str, target: str, state: str, *, provider_id: str = "", reason: str = ""
) -> str:
    await _written(partial(parts.sent.settle, identity, target, state, provider_id, reason))
    return state


async def _withdraw(parts: Parts, identity: str, target: str, error: BaseException) -> None:
    """Take back an attempt that surely sent nothing; for WITHDRAW_SECONDS at most when the service ends."""
    with suppress(TimeoutError):
        async with asyncio.timeout(WITHDRAW_SECONDS if isinstance(error, asyncio.CancelledError) else None):
            await _written(partial(parts.sent.withdraw, identity, target))


async def _written(write: Callable[[], Awaitable[None]]) -> None:
    """Write down how an attempt ended, however long that takes: forgetting it would make the mail uncertain."""
    while True:
        try:
            return await write()
        except Transient:
            await asyncio.sleep(WRITE_AGAIN_SECONDS)


def _not_sent(
    identity: str, target: Literal["owner", "sender"], outcome: Literal["refused", "uncertain", "no address"], text: str
) -> NotificationFailed:
    return NotificationFailed(submission_id=identity, target=target, outcome=outcome, message=text)
