"""What every public HTTP endpoint has: a span, RED metrics, and errors as RFC 9457 problem details."""

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache

from aiohttp import web
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from libs.service import tracing

log = logging.getLogger(__name__)

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
        cause: str = "",
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.cause = cause
        """For counting, where the status does not tell it: one of a few words."""
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
    work = _begun(request, method, route)
    with tracing.at_hand(work):
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            seconds = time.perf_counter() - began
            _count(method, route, status, seconds)
            level = logging.DEBUG if status < 400 else logging.INFO  # the gateway logs every request, with the trace id
            if log.isEnabledFor(level):
                extra = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
                log.log(level, "request", extra=extra)
            _ended(work, method, route, status, seconds)


def _begun(request: web.Request, method: str, route: str) -> tracing.AtHand:
    parent = tracing.carried(request.headers)
    if parent and not tracing.sampled(parent):
        return parent
    attributes = {"http.request.method": method, "http.route": route}
    return tracing.begin(f"{method} {route}", parent, SpanKind.SERVER, attributes)


def _ended(work: tracing.AtHand, method: str, route: str, status: int, seconds: float) -> None:
    error = str(status) if status >= 500 else ""
    if not isinstance(work, str):
        work.set_attribute("http.response.status_code", status)
        tracing.end(work, error)
    elif error:
        attributes: dict[str, str | int] = {"http.request.method": method, "http.route": route}
        attributes["http.response.status_code"] = status
        tracing.keep_error(f"{method} {route}", error, work, attributes, time.time_ns() - int(seconds * 1e9))


def _count(method: str, route: str, status: int, seconds: float) -> None:
    requests, durations = _measures(method, route, status)
    joined = tracing.exemplar()
    requests.inc(exemplar=joined)
    durations.observe(seconds, exemplar=joined)


@lru_cache(maxsize=1024)
def _measures(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """The counters of one kind of answer; looking them up by label costs more than counting."""
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(method, route)


def route_of(request: web.Request) -> str:
    """The route's template, e.g. `/contact/{id}`; one name for all that has none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"
