"""A collector of spans over OTLP/HTTP: what an OpenTelemetry collector would get."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from tests.support.served import Served

QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}
EVERYTHING = {"OTEL_TRACES_SAMPLER": "parentbased_always_on"}
NOTHING = {"OTEL_TRACES_SAMPLER": "parentbased_always_off"}


@dataclass(frozen=True, slots=True)
class Span:
    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    links: tuple[str, ...]
    """Trace ids of what it links to."""
    failed: bool
    attributes: dict[str, str] = field(default_factory=dict)
    """Those that are text."""


class SpanCollector(Served):
    """Receives spans for one test."""

    def __init__(self) -> None:
        self._spans: dict[str, Span] = {}
        self.received: list[ResourceSpans] = []
        """As they came in."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/traces", self._receive)
        super().__init__(app)

    @property
    def spans(self) -> list[Span]:
        """Each span once, however often an exporter sent it."""
        return list(self._spans.values())

    def environment(self, sampling: dict[str, str]) -> dict[str, dict[str, str]]:
        """What makes all parts of a stack send their spans here."""
        export = {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url, **QUICKLY, **sampling}
        return {"*": export, "caddy": export}

    def ancestors(self, span: Span) -> Iterator[Span]:
        """Its parent, that one's parent, and so on."""
        while span.parent_id in self._spans:
            span = self._spans[span.parent_id]
            yield span

    async def _receive(self, request: web.Request) -> web.Response:
        batch = ExportTraceServiceRequest.FromString(await request.read())
        for resource in batch.resource_spans:
            self.received.append(resource)
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self._spans[span.span_id.hex()] = Span(
                        names.get("service.name", ""),
                        span.name,
                        span.trace_id.hex(),
                        span.span_id.hex(),
                        span.parent_span_id.hex(),
                        tuple(link.trace_id.hex() for link in span.links),
                        span.status.code == 2,
                        {a.key: a.value.string_value for a in span.attributes if a.value.string_value},
                    )
        return web.Response(content_type="application/x-protobuf")
