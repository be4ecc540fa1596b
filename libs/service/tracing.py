"""Traces: an id for every piece of work, spans for what is sampled, and a span for every error.

Work carries its W3C `traceparent`, from the gateway's request header on and through the headers of events. Whether it
is sampled is one look at that string: what is not sampled costs no span and no parsing, the string only travels on and
is in every log line. An error is kept as a span of its own even where its trace is not sampled.

Spans go out over OTLP when `OTEL_EXPORTER_OTLP_ENDPOINT` (or `..._TRACES_ENDPOINT`) is set; otherwise there are ids
only. `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` sample, by default DEFAULT_RATIO of the traces that begin here
and whatever the gateway decided for all others.
"""

import os
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags

Attributes = Mapping[str, str | int]
AtHand = str | Span
"""The work at hand: the span of what is sampled, otherwise its traceparent; empty when there is none."""

DEFAULT_RATIO = 0.05
HEADER = "traceparent"

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_W3C = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}")
_ODD = frozenset("13579bdf")
_at_hand: ContextVar[AtHand] = ContextVar("at_hand", default="")
_tracers: tuple[trace.Tracer, trace.Tracer] | None = None
"""What records spans: by the sampler's decision, and whatever was decided; None while nothing is exported."""


@contextmanager
def tracing(service: str) -> Iterator[None]:
    """Traces of this process, while inside; what is not exported yet goes out on leaving."""
    if not any(os.environ.get(name) for name in _ENDPOINTS):
        yield
        return
    # Imported only where it is used: the exporter is large.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, TraceIdRatioBased

    resource = Resource.create({SERVICE_NAME: service, "service.namespace": "letterbox"})
    chosen = os.environ.get("OTEL_TRACES_SAMPLER")
    sampling = TracerProvider(None if chosen else ParentBased(TraceIdRatioBased(DEFAULT_RATIO)), resource)
    always = TracerProvider(ALWAYS_ON, resource)
    processor = BatchSpanProcessor(OTLPSpanExporter())
    for provider in (sampling, always):
        provider.add_span_processor(processor)
    global _tracers
    _tracers = sampling.get_tracer("letterbox"), always.get_tracer("letterbox.errors")
    try:
        yield
    finally:
        _tracers = None
        always.shutdown()  # and with it the processor that both share


def carried(headers: Mapping[str, str] | None) -> str:
    """The traceparent in the headers of a request or an event; empty when there is none that is well-formed."""
    raw = headers.get(HEADER, "") if headers else ""
    return raw if _W3C.fullmatch(raw) else ""


def sampled(at_hand: AtHand) -> bool:
    """Whether spans are recorded for this work."""
    if isinstance(at_hand, str):
        return _tracers is not None and at_hand[-1:] in _ODD
    return True


def current() -> AtHand:
    """The work at hand."""
    return _at_hand.get()


def traceparent() -> str:
    """What the work at hand puts into the headers of what it causes; empty when there is none."""
    at_hand = _at_hand.get()
    return at_hand if isinstance(at_hand, str) else _text(at_hand.get_span_context())


def ids() -> tuple[str, str]:
    """(trace id, span id) of the work at hand in hexadecimal, for log lines; empty when there is none."""
    text = traceparent()
    return text[3:35], text[36:52]


def exemplar() -> dict[str, str] | None:
    """What joins a measurement to the trace of the work at hand; None where that is not sampled."""
    at_hand = _at_hand.get()
    return {"trace_id": ids()[0]} if at_hand and sampled(at_hand) else None


@contextmanager
def at_hand(work: AtHand) -> Iterator[None]:
    """Make `work` the work at hand, while inside."""
    token = _at_hand.set(work)
    try:
        yield
    finally:
        _at_hand.reset(token)


def begin(
    name: str,
    parent: AtHand,
    kind: SpanKind = SpanKind.INTERNAL,
    attributes: Attributes | None = None,
    links: Sequence[Link] = (),
) -> AtHand:
    """The span `name` inside `parent`, to be ended by `end`; without a parent a new trace begins.

    Where nothing is sampled it is only the traceparent.
    """
    if isinstance(parent, str):
        if _tracers is None:
            return parent or _text(_context(random.getrandbits(128) or 1, random.getrandbits(64) or 1))
        if parent and not sampled(parent):
            return parent
    assert _tracers is not None
    span = _tracers[0].start_span(name, _inside(parent), kind, dict(attributes or {}), links)
    return span if span.is_recording() else _text(span.get_span_context())


def gathered(name: str, kind: SpanKind, attributes: Attributes, links: Sequence[Link]) -> AtHand:
    """A span that begins a trace of its own and is recorded whatever the sampler says: what it links to is, too."""
    assert _tracers is not None
    return _tracers[1].start_span(name, Context(), kind, dict(attributes), links)


def end(begun: AtHand, error: str = "") -> None:
    """End what `begin` began, as failed when `error` says what failed."""
    if isinstance(begun, str):
        return
    if error:
        begun.set_attribute("error.type", error)
        begun.set_status(Status(StatusCode.ERROR))
    begun.end()


class span:  # noqa: N801 - reads as what it is, like contextlib's own
    """A span inside the work at hand, while inside; nothing where that is not sampled.

    Of an error that leaves it only the type goes out: its text may hold personal data.
    """

    __slots__ = ("_attributes", "_kind", "_name", "_span", "_token")

    def __init__(self, name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None) -> None:
        self._name, self._kind, self._attributes = name, kind, attributes
        self._span: AtHand = ""

    def __enter__(self) -> None:
        parent = _at_hand.get()
        if not isinstance(parent, str):
            self._span = begin(self._name, parent, self._kind, self._attributes)
            self._token = _at_hand.set(self._span)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not isinstance(self._span, str):
            _at_hand.reset(self._token)
            end(self._span, kind.__name__ if kind else "")


def keep_error(
    name: str, error: str, work: AtHand, attributes: Attributes | None = None, began_nanoseconds: int | None = None
) -> None:
    """Keep as a span of its own that `work` failed, where no span of it tells that: it is not sampled."""
    if _tracers is None or sampled(work) or not work:
        return
    kept = _tracers[1].start_span(
        name, _inside(work), SpanKind.INTERNAL, dict(attributes or {}), start_time=began_nanoseconds
    )
    end(kept, error)


def link(work: AtHand) -> Link:
    """A link to sampled work."""
    return Link(trace.get_current_span(_inside(work)).get_span_context())


def _inside(parent: AtHand) -> Context:
    if not isinstance(parent, str):
        return trace.set_span_in_context(parent, Context())
    if not parent:
        return Context()
    flags = TraceFlags(int(parent[53:], 16))
    context = SpanContext(int(parent[3:35], 16), int(parent[36:52], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())


def _context(trace_id: int, span_id: int) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=False)


def _text(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
