"""A collector of spans over OTLP/HTTP: what an OpenTelemetry collector would get."""

from dataclasses import dataclass

from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


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


class SpanCollector:
    """Receives spans for one test."""

    def __init__(self) -> None:
        self._spans: dict[str, Span] = {}
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/traces", self._receive)
        self._server = TestServer(app)

    async def __aenter__(self) -> "SpanCollector":
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def spans(self) -> list[Span]:
        """Each span once, however often an exporter sent it."""
        return list(self._spans.values())

    @property
    def endpoint(self) -> str:
        return str(self._server.make_url("/")).rstrip("/")

    async def _receive(self, request: web.Request) -> web.Response:
        batch = ExportTraceServiceRequest.FromString(await request.read())
        for resource in batch.resource_spans:
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
                    )
        return web.Response(content_type="application/x-protobuf")
