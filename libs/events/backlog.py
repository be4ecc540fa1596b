"""What a durable has not settled yet, and how old that is: the one definition behind metrics and status pages.

Unsettled is what waits in the stream and what is in hand: `num_pending + num_ack_pending`. The acknowledgement floor
says nothing: it stays behind a message that was given up on for ever (facts: measured).
The age is that of the oldest message in hand, since it was stored. A message that nobody has in hand is younger than
every one that was handed out before it, so with empty hands the age counts from when that was first seen.
Who may read the whole stream finds the same message from outside (`oldest`), also when nobody is there to work it off.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client
from nats.errors import Error

from libs.events import metrics
from libs.events.errors import Transient
from libs.events.history import parse_time
from libs.events.progress import settled_until
from libs.events.streams import STREAM, Durable

TIMEOUT_SECONDS = 2.0
NO_SEQUENCE = 2**64


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages of a durable are not settled."""

    waiting: int
    """In the stream, handed out to nobody yet."""
    in_hand: int
    """Handed out to whichever instance, and not settled."""
    redelivered: int
    """Of those in hand, handed out more than once."""
    ack_wait_seconds: float
    settled_until: int
    """With something unsettled: up to which sequence of the stream nothing is."""

    @property
    def unsettled(self) -> int:
        """All of them: the lag."""
        return self.waiting + self.in_hand


async def backlog(nc: Client, consumer: str) -> Backlog:
    """The backlog of a durable, or of a temporary consumer. Raises Transient when NATS does not answer.

    Needs the right to `$JS.API.CONSUMER.INFO.EVENTS.<consumer>`.
    """
    try:
        answer = await nc.request(f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}", timeout=TIMEOUT_SECONDS)
        info = json.loads(answer.data)
        return Backlog(
            info["num_pending"],
            info["num_ack_pending"],
            info["num_redelivered"],
            info["config"]["ack_wait"] / 1e9,
            settled_until(info),
        )
    except (Error, ConnectionError, KeyError, ValueError) as error:
        raise Transient("nats", type(error).__name__) from None


async def oldest(nc: Client, durable: Durable, seen: Backlog) -> datetime | None:
    """When the stream stored the oldest message that `durable` has not settled; None when there is none.

    Raises Transient when NATS does not answer. Needs the right to `$JS.API.DIRECT.GET.EVENTS`.
    """
    if not seen.unsettled:
        return None
    found = await asyncio.gather(*(_next(nc, seen.settled_until + 1, subject) for subject in durable.filters))
    return min(found, key=lambda one: one[0])[1]


async def _next(nc: Client, sequence: int, subject: str) -> tuple[int, datetime | None]:
    asked = json.dumps({"seq": sequence, "next_by_subj": subject}).encode()
    try:
        message = await nc.request(f"$JS.API.DIRECT.GET.{STREAM}", asked, timeout=TIMEOUT_SECONDS)
    except (Error, ConnectionError) as error:
        raise Transient("nats", type(error).__name__) from None
    headers = message.headers or {}
    if "Nats-Sequence" not in headers:
        return NO_SEQUENCE, None
    return int(headers["Nats-Sequence"]), parse_time(headers["Nats-Time-Stamp"])


class BacklogWatch:
    """Keeps the metrics of one consumer's backlog; `in_hand` tells when each message in hand was stored, in ns."""

    def __init__(
        self, nc: Client, consumer: str, ack_wait_seconds: float, in_hand: Callable[[], Sequence[int]]
    ) -> None:
        self._nc = nc
        self._consumer = consumer
        self._in_hand = in_hand
        self._left_since: float | None = None
        self.ack_wait_seconds = ack_wait_seconds
        """Of the consumer, as the server said last."""
        metrics.OLDEST_SECONDS.labels(consumer).set_function(self.oldest_seconds)

    def oldest_seconds(self) -> float:
        """The age of the oldest unsettled message, 0 when there is none."""
        oldest = min(self._in_hand(), default=None)
        since = self._left_since if oldest is None else oldest / 1e9
        return 0.0 if since is None else max(0.0, time.time() - since)

    async def look(self) -> None:
        """Ask the server; while it does not answer, what was seen last stands."""
        try:
            seen = await backlog(self._nc, self._consumer)
        except Transient:
            return
        self.ack_wait_seconds = seen.ack_wait_seconds
        metrics.PENDING.labels(self._consumer).set(seen.unsettled)
        if not seen.unsettled or self._in_hand():
            self._left_since = None
        elif self._left_since is None:
            self._left_since = time.time()

    def close(self) -> None:
        """Take the metrics back: what is not worked off here any more has no backlog here."""
        metrics.OLDEST_SECONDS.remove(self._consumer)
        metrics.PENDING.remove(self._consumer)
