"""Dead letters: messages given up on, kept with their reason and what is needed to try them again.

A dead letter sits on `dead.<durable>.<event's subject>` in DEAD_LETTERS, with the original headers and body. A retry is
a copy on `redrive.<durable>.<event's subject>`, which only the handler that failed listens to.
"""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.events import metrics
from libs.events.delivery import ORIGINAL_SEQUENCE, ORIGINAL_TIME
from libs.events.envelope import MESSAGE_ID, REDRIVE, own_subject
from libs.events.errors import NotPublished
from libs.events.journal import Entry, Journal
from libs.events.publish import acknowledged
from libs.events.streams import DEAD_LETTERS, STREAM

REASON = "Letterbox-Reason"
DURABLE = "Letterbox-Durable"
SEQUENCE = "Letterbox-Sequence"
DELIVERIES = "Letterbox-Deliveries"

_OURS = (REASON, DURABLE, SEQUENCE, DELIVERIES)
_SERVER_HEADERS = ("nats-expected-", "nats-msg-id")
EXHAUSTED_REASON = "the process died over it, again and again"


async def bury(nc: Client, durable: str, message: Msg, reason: str) -> None:
    """Keep `message` in DEAD_LETTERS and only then end its delivery.

    The id is deterministic, so a crash between the two steps makes no second letter. Raises Transient when the
    letter could not be stored; the delivery then goes on.
    """
    metadata = message.metadata
    entry = Entry(
        metadata.sequence.stream, message.subject, metadata.timestamp, dict(message.headers or {}), message.data
    )
    await keep(nc, durable, entry, reason, metadata.num_delivered or 0)
    await nc.publish(message.reply, b"+TERM dead letter")


async def keep(nc: Client, durable: str, entry: Entry, reason: str, deliveries: int) -> None:
    """Keep a message of EVENTS that `durable` gave up on; doing it again changes nothing. Raises Transient."""
    kept = {k: v for k, v in entry.headers.items() if not k.lower().startswith(_SERVER_HEADERS)}
    place = {ORIGINAL_SEQUENCE: str(entry.sequence), ORIGINAL_TIME: entry.time.isoformat()}
    headers = (kept if entry.subject.startswith(REDRIVE) else kept | place) | {
        MESSAGE_ID: f"dead:{STREAM}:{durable}:{entry.sequence}",
        REASON: header_safe(reason),
        DURABLE: durable,
        SEQUENCE: str(entry.sequence),
        DELIVERIES: str(deliveries),
    }
    answer = await acknowledged(nc.request, f"dead.{durable}.{own_subject(entry.subject)}", entry.body, headers)
    if "error" in answer:
        raise NotPublished("nats", answer["error"].get("description", "refused"))
    if not answer.get("duplicate"):
        metrics.DEAD_LETTERS.labels(durable).inc()


async def redrive(nc: Client, durable: str, entry: Entry, run: str) -> int:
    """Hand an event of EVENTS, or a dead letter's, to `durable` alone, once per `run`; returns the copy's sequence.

    Raises Transient.
    """
    subject = entry.subject.split(".", 2)[2] if entry.subject.startswith("dead.") else own_subject(entry.subject)
    kept = {k: v for k, v in entry.headers.items() if k not in _OURS and not k.lower().startswith(_SERVER_HEADERS)}
    kept.setdefault(ORIGINAL_SEQUENCE, str(entry.sequence))
    kept.setdefault(ORIGINAL_TIME, entry.time.isoformat())
    headers = kept | {MESSAGE_ID: f"{REDRIVE}{durable}:{run}:{entry.sequence}"}
    answer = await acknowledged(nc.request, f"{REDRIVE}{durable}.{subject}", entry.body, headers)
    if "error" in answer:
        raise NotPublished("nats", answer["error"].get("description", "refused"))
    return int(answer["seq"])


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter, as people look at it."""

    sequence: int
    durable: str
    subject: str
    """The event's own subject."""
    reason: str
    deliveries: int
    buried_at: datetime
    trace_id: str
    entry: Entry

    @property
    def submission_id(self) -> str:
        """The submission it is about; empty when the subject has none."""
        tokens = self.subject.split(".")
        return tokens[2] if len(tokens) > 2 else ""

    @property
    def group(self) -> tuple[str, str, str]:
        """(durable, kind of event, cause): what letters with one cause share, without ids and numbers."""
        kind = ".".join(self.subject.split(".")[:2])
        return self.durable, kind, _cause(self.reason)


class DeadLetters:
    """The inbox of dead letters. Every method raises Transient when NATS does not answer."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._journal = Journal(nc, DEAD_LETTERS)

    async def all(self, most: int = 10_000) -> AsyncIterator[DeadLetter]:
        """The letters, oldest first, up to `most`."""
        count = 0
        async for entries in self._journal.walk():
            for entry in entries:
                if count >= most:
                    return
                count += 1
                yield _letter(entry)

    async def get(self, sequence: int) -> DeadLetter | None:
        """One letter, or None when it is gone."""
        entry = await self._journal.get(sequence)
        return None if entry is None else _letter(entry)

    async def retry(self, letter: DeadLetter) -> None:
        """Hand it to the handler that failed, and only that one; then it is no dead letter any more."""
        await redrive(self._nc, letter.durable, letter.entry, f"dead-{letter.sequence}")
        await self.drop(letter)

    async def drop(self, letter: DeadLetter) -> bool:
        """Remove it for good; False when it was gone already."""
        return await self._journal.delete([letter.sequence]) == 1


def header_safe(text: str) -> str:
    """`text` as one printable line of at most 300 characters, fit for a header."""
    return "".join(c if c.isprintable() and c.isascii() else " " for c in text)[:300].strip() or "unknown"


def _letter(entry: Entry) -> DeadLetter:
    headers: Mapping[str, str] = entry.headers
    _, durable, subject = entry.subject.split(".", 2)
    deliveries = headers.get(DELIVERIES, "")
    parent = headers.get("traceparent", "").split("-")
    return DeadLetter(
        sequence=entry.sequence,
        durable=durable,
        subject=subject,
        reason=headers.get(REASON, "unknown"),
        deliveries=int(deliveries) if deliveries.isdigit() else 0,
        buried_at=entry.time,
        trace_id=parent[1] if len(parent) == 4 else "",
        entry=entry,
    )


def _cause(reason: str) -> str:
    """The reason without what differs from message to message."""
    return re.sub(r"[0-9a-f]{8,}|\d+", "…", reason)[:120]
