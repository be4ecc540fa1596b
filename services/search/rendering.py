"""How pages are made: templates that escape everything, headers that let a page run nothing, errors in words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import jinja2
from aiohttp import web

from libs.service.http import Handler, Problem
from services.search.icons import icon_of

PAGES = Path(__file__).parent / "pages"
ASSETS = PAGES / "assets"

SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "private, no-store",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers would then send `Origin: null` with our own forms.
    "Referrer-Policy": "same-origin",
}

_KIB = 1024

STATUS = {
    "stored": "waiting to be read",
    "extracted": "read",
    "indexed": "searchable",
    "failed": "could not be read",
}
"""A document's status in words."""


def human_size(size: int) -> str:
    """A size as people say it: `812 bytes`, `3.4 MB`."""
    if size < _KIB:
        return f"{size} byte{'' if size == 1 else 's'}"
    amount, unit = size / _KIB, "KB"
    for unit in ("KB", "MB", "GB"):
        if amount < _KIB or unit == "GB":
            break
        amount /= _KIB
    return f"{amount:.1f} {unit}"


def human_time(time: datetime) -> str:
    """A time as people write it, in UTC."""
    time = time.astimezone(UTC)
    return f"{time.day} {time:%b %Y, %H:%M} UTC"


def human_age(seconds: float) -> str:
    """How long something lasts, as people say it: `under a second`, `42 s`, `3 min`, `5 h`, `2 days`."""
    if seconds < 1:
        return "under a second"
    for least, size, unit in ((172_800, 86_400, "days"), (7_200, 3_600, "h"), (120, 60, "min")):
        if seconds >= least:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(PAGES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "size": human_size,
    "time": human_time,
    "age": human_age,
    "status": lambda status: STATUS.get(status, status),
}
_TEMPLATES.globals["icon_of"] = icon_of


def page(
    template: str, what: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """The page of `template` showing `what`; private, and able to run nothing."""
    text = _TEMPLATES.get_template(template).render(what)
    return web.Response(text=text, status=status, content_type="text/html", headers={**SAFE, **(headers or {})})


def _is_page(request: web.Request) -> bool:
    if request.path == "/status":  # the one address that answers programs, too
        return "text/html" in request.headers.get("Accept", "")
    return request.path == "/search" or request.path.startswith("/search/")


@web.middleware
async def in_html(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer a page's errors with a page; who has no session is sent to the login page, and back from there."""
    if not _is_page(request):
        return await handler(request)
    try:
        return await handler(request)
    except Problem as problem:
        if problem.status == 401 and "Authorization" not in request.headers:
            return to_login(request, request.path_qs if request.method == "GET" else "/search")
        return page("problem.html", {"problem": problem}, status=problem.status, headers=problem.headers)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return page("problem.html", {"problem": Problem(error.status, error.reason)}, status=error.status)


def to_login(request: web.Request, back: str, *, refusing: int = 200) -> web.Response:
    """Send a browser without a session to the login page and from there to `back`.

    It may have one: a link in a web mail. The browser keeps the session (SameSite=Strict) from a request that another
    site began, but not from the one that the page begins with which this is answered, with the status `refusing`.
    """
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and request.method == "GET":
        return page("return.html", {"address": back}, status=refusing)
    return web.Response(status=303, headers={**SAFE, "Location": f"/search/login?{urlencode({'next': back})}"})
