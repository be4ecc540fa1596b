"""The operations port of a service: `/metrics`, `/health/live`, `/health/ready`. Never routed by the gateway."""

from aiohttp import web
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder

from libs.service.health import Health

_HEALTH = web.AppKey("health", Health)


def operations_app(health: Health) -> web.Application:
    """The aiohttp application of the operations port."""
    app = web.Application()
    app[_HEALTH] = health
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    return app


async def metrics(request: web.Request) -> web.Response:
    """All metrics of this process, as OpenMetrics (with exemplars) or Prometheus text, by `Accept`."""
    encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encoder(REGISTRY), headers={"Content-Type": content_type})


async def live(_request: web.Request) -> web.Response:
    """200 while the process answers."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """200 when everything the service needs is there, otherwise 503 with the names of what is missing."""
    missing = await request.app[_HEALTH].missing()
    if missing:
        return web.json_response({"status": "not ready", "missing": missing}, status=503)
    return web.json_response({"status": "ready"})
