"""What every public HTTP endpoint has: a span, RED metrics, and errors as RFC 9457 problem details."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

from aiohttp import web
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Histogram

log = logging.getLogger(__name__)
_w3c = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("letterbox.http")

REQUESTS = Counter("http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "http_request_duration_seconds",
    "Time from the request's headers to the end of the answer.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Problem(Exception):
    """An answer that is an error: RFC 9457 problem details, for people and for programs."""

    def __init__(
        self,
        status: int,
        title: str,
        *,
        errors: Sequence[dict[str, str]] = (),
        retry_after: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.errors = list(errors)
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def response(self) -> web.Response:
        """The answer as `application/problem+json`."""
        body: dict[str, object] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.errors:
            body["errors"] = self.errors
        return web.json_response(
            body, status=self.status, content_type="application/problem+json", headers=self.headers
        )


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error into problem details; what was not expected is logged here and hidden from outside."""
    try:
        return await handler(request)
    except Problem as problem:
        return problem.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        return Problem(error.status, error.reason, headers=headers).response()
    except ConnectionResetError:
        raise
    except Exception as error:
        log.error("unexpected error", extra={"route": route_of(request)}, exc_info=error)
        return Problem(500, "Something went wrong on our side.").response()


@web.middleware
async def observed(request: web.Request, handler: Handler) -> web.StreamResponse:
    """One span and one count for each request; the route's template is the label, never the path."""
    route, method = route_of(request), request.method if request.method in METHODS else "other"
    began = time.perf_counter()
    status = 499  # the client went away before it was answered
    with _tracer.start_as_current_span(
        f"{method} {route}",
        context=_w3c.extract(request.headers, Context()) if "traceparent" in request.headers else Context(),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method, "http.route": route},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            seconds = time.perf_counter() - began
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))
            _count(method, route, status, seconds, span)
            level = logging.DEBUG if status < 400 else logging.INFO  # the gateway logs every request, with the trace id
            if log.isEnabledFor(level):
                extra = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
                log.log(level, "request", extra=extra)


def _count(method: str, route: str, status: int, seconds: float, span: trace.Span) -> None:
    context = span.get_span_context()
    exemplar = {"trace_id": format(context.trace_id, "032x")} if context.trace_flags.sampled else None
    requests, durations = _measures(method, route, status)
    requests.inc(exemplar=exemplar)
    durations.observe(seconds, exemplar=exemplar)


@lru_cache(maxsize=1024)
def _measures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of one kind of answer; looking them up by label costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


def route_of(request: web.Request) -> str:
    """The route's template, e.g. `/contact/{id}`; one name for all that has none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
