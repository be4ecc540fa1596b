"""The consoles' door: the gateway asks here before it lets a request through to Grafana, Prometheus and the like."""

from aiohttp import web

from services.search.access import ACCESS, BY_SESSION, unauthorized
from services.search.login import own_page
from services.search.rendering import SAFE, to_login
from services.search.sessions import COOKIE

OWNER_HEADER = "X-Letterbox-Owner"
"""Tells the console whose key opened the session."""


async def verify(request: web.Request) -> web.Response:
    """`GET /verify`, about the request in `X-Forwarded-Method` and `X-Forwarded-Uri`: 204 for an owner's session.

    Nothing else opens a console: no key, and no session that another site's page makes use of. A browser without a
    session is sent to the login page, and back from there.
    """
    access = request.app[ACCESS]
    asked = request.headers.get("X-Forwarded-Method", "GET")
    owner = access.sessions.owner(request.cookies.get(COOKIE, ""))
    if owner is None:
        if asked in BY_SESSION and "text/html" in request.headers.get("Accept", ""):
            # Never with 200, which the gateway takes for a yes.
            return to_login(request, own_page(request.headers.get("X-Forwarded-Uri")), refusing=401)
        raise unauthorized("The owner's login is required.")
    if asked not in BY_SESSION:
        access.refuse_other_sites(request)
    return web.Response(status=204, headers={**SAFE, OWNER_HEADER: owner.id})
