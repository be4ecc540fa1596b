"""One delivery of a message to a consumer, and the ways to settle it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from nats.aio.msg import Msg

from libs.events.catalogue import Event
from libs.events.envelope import REDRIVE
from libs.service.tracing import carried

ORIGINAL_SEQUENCE = "Letterbox-Original-Sequence"
ORIGINAL_TIME = "Letterbox-Original-Time"
"""On a redriven copy: where and since when the stream keeps the event itself."""

E_co = TypeVar("E_co", bound=Event, covariant=True)
Answers = Sequence[Sequence[Event]]
"""What each delivery of a group causes, in the group's order."""


@dataclass(frozen=True, slots=True)
class Received(Generic[E_co]):
    """What a handler gets to see: the event, and where the stream keeps it."""

    event: E_co
    identity: str
    sequence: int
    time: datetime
    deliveries: int
    redriven: bool = False
    """Whether it is a copy that was handed over again."""


class Delivery:
    """A message in hand: pulled, and neither acknowledged nor given back yet."""

    __slots__ = ("deliveries", "left", "message", "nanoseconds", "received", "redriven", "sequence", "traceparent")

    def __init__(self, message: Msg) -> None:
        self.received: Received[Event] | None = None
        self.take(message)

    def take(self, message: Msg) -> None:
        """Use the newest delivery of the same message: only its reply subject still settles it."""
        tokens = message.reply.split(".")
        first = 4 if len(tokens) == 9 else 6  # newer servers put domain and account before the stream (ADR-15)
        self.message = message
        self.deliveries = int(tokens[first])
        self.sequence = int(tokens[first + 1])
        self.nanoseconds = int(tokens[first + 3])
        self.left = int(tokens[first + 4])
        self.redriven = message.subject.startswith(REDRIVE)
        self.traceparent = carried(message.headers)

    def describe(self, event: Event, identity: str) -> None:
        """Take in what the message holds; a redriven copy stands for the original's place in the stream."""
        headers = (self.headers or {}) if self.redriven else {}
        sequence, time = headers.get(ORIGINAL_SEQUENCE), headers.get(ORIGINAL_TIME)
        self.received = Received(
            event,
            identity,
            int(sequence) if sequence and sequence.isdigit() else self.sequence,
            datetime.fromisoformat(time) if time else self.time,
            self.deliveries,
            self.redriven,
        )

    @property
    def headers(self) -> Mapping[str, str] | None:
        """The message's headers, as they were published."""
        return self.message.headers

    @property
    def time(self) -> datetime:
        """When the stream stored the message."""
        seconds, rest = divmod(self.nanoseconds, 10**9)  # exactly as the journal reads it: no float holds it
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
