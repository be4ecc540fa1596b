"""Logging in and out with a browser: the owner's key opens a session."""

import re

from aiohttp import web

from libs.service import audit
from libs.service.http import Problem
from services.search.access import ACCESS, OWNER
from services.search.rendering import SAFE, page

_OWN_PAGES = "search|status|grafana|prometheus|alertmanager|pgadmin|minio"
_OWN_PAGE = re.compile(rf"/(?:{_OWN_PAGES})(?:[/?][!-\[\]-~]*)?", re.ASCII)
"""An address of our pages and consoles: printable, without a backslash; never another site's."""


async def login_page(request: web.Request) -> web.Response:
    """The form that asks for the key."""
    return page("login.html", {"next": own_page(request.query.get("next")), "message": None})


async def log_in(request: web.Request) -> web.Response:
    """Open a session for a right key and go on to where the browser was going; say what is wrong otherwise."""
    access = request.app[ACCESS]
    access.refuse_other_sites(request)
    form = await request.post()
    presented, after = form.get("key"), own_page(form.get("next"))
    try:
        key = access.by_key(request, presented.strip() if isinstance(presented, str) else "")
    except Problem as problem:
        shown = {"next": after, "message": problem.title}
        return page("login.html", shown, status=problem.status, headers=problem.headers)
    audit.record("login", key.id)
    response = web.Response(status=303, headers={**SAFE, "Location": after})
    access.sessions.open(response, key)
    return response


async def log_out(request: web.Request) -> web.Response:
    """End the browser's session."""
    audit.record("logout", request[OWNER].id)
    response = web.Response(status=303, headers={**SAFE, "Location": "/search/login"})
    request.app[ACCESS].sessions.close(response)
    return response


def own_page(address: object) -> str:
    """`address` if it is one of our pages, otherwise the search page: a login leads to no other site."""
    return address if isinstance(address, str) and _OWN_PAGE.fullmatch(address) else "/search"
