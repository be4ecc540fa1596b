"""CORS for the sites that embed the form: exact origins, no wildcard, no credentials."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from services.ingest.parts import PARTS

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def cors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer preflights, and name the origin in every answer that an allowed site may read."""
    origin = request.headers.get("Origin", "")
    allowed = origin in request.app[PARTS].settings.origins
    if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers:
        response: web.StreamResponse = web.Response(status=204)
        if allowed:
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type, Idempotency-Key, Last-Event-ID"
            response.headers["Access-Control-Max-Age"] = "600"
    else:
        response = await handler(request)
    if not response.prepared:
        mark(response, origin if allowed else "")
    return response


def mark(response: web.StreamResponse, origin: str) -> None:
    """Say in `response` that scripts of `origin` may read it; an empty one may not."""
    response.headers["Vary"] = "Origin, Accept"
    if origin:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Location, Retry-After, Idempotent-Replayed"
