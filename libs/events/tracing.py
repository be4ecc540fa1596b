"""Spans of messaging: one trace runs from the visitor's request to the index.

Follows the OpenTelemetry semantic conventions for messaging (status: development). A message handled alone is a child
of the span that published it. A batch with several sampled messages is one span that links to each of them, and each
has a span of its own, child of its publisher's and linked to the batch. What is not sampled has none (tracing.py of
libs.service).
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.trace import Link, SpanKind

from libs.events.delivery import Delivery
from libs.service import tracing
from libs.service.tracing import HEADER, AtHand

_MESSAGING: dict[str, str | int] = {"messaging.system": "nats"}
_PROCESS = _MESSAGING | {"messaging.operation.type": "process", "messaging.operation.name": "process"}
_SEND = _MESSAGING | {"messaging.operation.type": "send", "messaging.operation.name": "publish"}


class Attempt:
    """The spans of one attempt at a group of deliveries: around the handler, and of each message that is sampled."""

    __slots__ = ("_each", "around")

    def __init__(self, durable: str, group: Sequence[Delivery]) -> None:
        self._each: dict[int, AtHand] = {}
        sampled = [position for position, one in enumerate(group) if tracing.sampled(one.traceparent)]
        self.around: AtHand = group[0].traceparent if len(group) == 1 else ""
        """What the handler works for: the one message, or the one that is sampled, or the whole batch."""
        if not sampled:
            return
        links: list[Link] = []
        if len(sampled) > 1:
            self.around = _batch(durable, [group[position] for position in sampled], len(group))
            links = [tracing.link(self.around)]
        self._each = {at: _process(durable, group[at], len(group), links) for at in sampled}
        if len(sampled) == 1:
            self.around = self._each[sampled[0]]

    def of(self, position: int, delivery: Delivery) -> AtHand:
        """What is caused by the message at `position` belongs to."""
        return self._each.get(position, delivery.traceparent)

    def end(self, error: BaseException | None = None) -> None:
        """End all, as failed with `error`; only its type goes out, its text may hold personal data."""
        kind = "" if error is None else type(error).__name__
        for begun in self._each.values():
            tracing.end(begun, kind)
        if len(self._each) > 1:
            tracing.end(self.around, kind)


def keep_failure(durable: str, delivery: Delivery, error: str) -> None:
    """Keep that a message could not be handled, where its trace is not sampled."""
    work = delivery.traceparent
    if work and not tracing.sampled(work):
        name, attributes = _described(durable, delivery)
        tracing.keep_error(name, error, work, attributes)


@contextmanager
def publishing(kind: str, size: int, identity: str, headers: dict[str, str]) -> Iterator[None]:
    """A producer span around publishing one event, where that is sampled; puts its context into `headers`."""
    work = tracing.current()
    if work and not tracing.sampled(work):
        headers[HEADER] = tracing.traceparent()
        yield
        return
    attributes = _SEND | {
        "messaging.destination.template": f"{kind}.{{id}}",
        "messaging.message.id": identity,
        "messaging.message.body.size": size,
    }
    begun, error = tracing.begin(f"publish {kind}", work, SpanKind.PRODUCER, attributes), ""
    try:
        with tracing.at_hand(begun):
            headers[HEADER] = tracing.traceparent()
            yield
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        tracing.end(begun, error)


def _process(durable: str, delivery: Delivery, together: int, links: Sequence[Link]) -> AtHand:
    name, attributes = _described(durable, delivery)
    if together > 1:
        attributes["messaging.batch.message_count"] = together
    return tracing.begin(name, delivery.traceparent, SpanKind.CONSUMER, attributes, links)


def _described(durable: str, delivery: Delivery) -> tuple[str, dict[str, str | int]]:
    kind = delivery.received.event.type if delivery.received else "invalid event"
    attributes = _PROCESS | {
        "messaging.destination.template": f"{kind}.{{id}}",
        "messaging.consumer.group.name": durable,
        "messaging.message.id": delivery.received.identity if delivery.received else "",
        "messaging.message.delivery_count": delivery.deliveries,
    }
    return f"process {kind}", attributes


def _batch(durable: str, sampled: Sequence[Delivery], together: int) -> AtHand:
    attributes = _PROCESS | {
        "messaging.consumer.group.name": durable,
        "messaging.batch.message_count": together,
    }
    links = [tracing.link(one.traceparent) for one in sampled]
    return tracing.gathered(f"process batch {durable}", SpanKind.CONSUMER, attributes, links)
