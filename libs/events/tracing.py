"""Spans of messaging: one trace runs from the visitor's request to the index.

Follows the OpenTelemetry semantic conventions for messaging (status: development). A message handled alone is a child
of the span that published it. A batch is one span that links to all its messages, and each message in it has a span
of its own, child of its publisher's and linked to the batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Link, Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

Headers = Mapping[str, str] | None
Described = tuple[str, str, int, Headers]
"""Of one message: event type, id, deliveries, headers."""

_w3c = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("letterbox.events")
_MESSAGING: dict[str, str | int] = {"messaging.system": "nats"}
_PROCESS = _MESSAGING | {"messaging.operation.type": "process", "messaging.operation.name": "process"}
_SEND = _MESSAGING | {"messaging.operation.type": "send", "messaging.operation.name": "publish"}


@dataclass(slots=True)
class Spans:
    """The spans of one attempt: one around the handler, and one for each message of a batch."""

    around: Span = INVALID_SPAN
    each: list[Span] = field(default_factory=list)

    def of(self, position: int) -> Span:
        """The span of the message at `position`."""
        return self.each[position] if self.each else self.around

    def failed(self, error: BaseException) -> None:
        """Mark all as failed; only the error's type goes out, its text may hold personal data."""
        for span in (self.around, *self.each):
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """End all."""
        for span in (*self.each, self.around):
            span.end()


def start(durable: str, messages: Sequence[Described]) -> Spans:
    """Spans for one attempt at `messages`; none where their publishers recorded none."""
    if not any(_sampled(headers) for *_, headers in messages):
        return Spans()
    if len(messages) == 1:
        return Spans(around=_start_process(durable, messages[0]))
    batch = _start_batch(durable, messages)
    link = [Link(batch.get_span_context())]
    return Spans(batch, [_start_process(durable, message, link) for message in messages])


@contextmanager
def current(span: Span, headers: Headers) -> Iterator[None]:
    """Make `span` the current one; without a recorded span, the publisher's context, so that ids still travel."""
    if span is INVALID_SPAN and not headers:
        yield
        return
    context = context_of(headers) if span is INVALID_SPAN else trace.set_span_in_context(span)
    token = otel_context.attach(context)
    try:
        yield
    finally:
        otel_context.detach(token)


@contextmanager
def publishing(kind: str, size: int, identity: str, headers: dict[str, str]) -> Iterator[None]:
    """A producer span around publishing one event; puts its context into `headers`."""
    parent = trace.get_current_span().get_span_context()
    if parent.is_valid and not parent.trace_flags.sampled:
        _w3c.inject(headers)
        yield
        return
    attributes = _SEND | {
        "messaging.destination.template": f"{kind}.{{id}}",
        "messaging.message.id": identity,
        "messaging.message.body.size": size,
    }
    with _tracer.start_as_current_span(
        f"publish {kind}", kind=SpanKind.PRODUCER, attributes=attributes, record_exception=False
    ):
        _w3c.inject(headers)
        yield


def context_of(headers: Headers) -> Context:
    """The publisher's trace context, from a message's headers."""
    return _w3c.extract({key.lower(): value for key, value in (headers or {}).items()}, context=Context())


def _sampled(headers: Headers) -> bool:
    return (headers or {}).get("traceparent", "").endswith("-01")


def _start_process(durable: str, message: Described, links: Sequence[Link] = ()) -> Span:
    kind, identity, deliveries, headers = message
    attributes = _PROCESS | {
        "messaging.destination.template": f"{kind}.{{id}}",
        "messaging.consumer.group.name": durable,
        "messaging.message.id": identity,
        "messaging.message.delivery_count": deliveries,
    }
    return _tracer.start_span(
        f"process {kind}", context=context_of(headers), kind=SpanKind.CONSUMER, links=links, attributes=attributes
    )


def _start_batch(durable: str, messages: Sequence[Described]) -> Span:
    origins = [trace.get_current_span(context_of(headers)).get_span_context() for *_, headers in messages]
    attributes = _PROCESS | {
        "messaging.consumer.group.name": durable,
        "messaging.batch.message_count": len(messages),
    }
    return _tracer.start_span(
        f"process batch {durable}",
        context=Context(),
        kind=SpanKind.CONSUMER,
        links=[Link(origin) for origin in origins if origin.is_valid],
        attributes=attributes,
    )
