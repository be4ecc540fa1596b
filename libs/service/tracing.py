"""OpenTelemetry traces over OTLP when an endpoint is set; otherwise ids only.

Standard variables decide: `OTEL_EXPORTER_OTLP_ENDPOINT` (or `..._TRACES_ENDPOINT`) switches traces on, and
`OTEL_TRACES_SAMPLER` samples. Without an endpoint nothing is recorded, but every request still gets a trace id that
travels with its events and is in every log line.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


@contextmanager
def tracing(service: str) -> Iterator[None]:
    """Traces of this process, while inside; what is not exported yet goes out on leaving."""
    resource = Resource.create({SERVICE_NAME: service, "service.namespace": "letterbox"})
    if any(os.environ.get(name) for name in _ENDPOINTS):
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    else:
        provider = TracerProvider(resource=resource, sampler=ALWAYS_OFF)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
