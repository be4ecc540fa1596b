"""The pages visitors see."""

from collections.abc import Mapping
from pathlib import Path

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, select_autoescape

from services.ingest.journey import TERMINAL, Journey, step

FOLDER = Path(__file__).parent
ASSETS = FOLDER / "assets"

_pages = Environment(
    loader=FileSystemLoader(FOLDER / "pages"), autoescape=select_autoescape(), trim_blocks=True, lstrip_blocks=True
)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

STEPS = {
    "submission.created": "We have your message.",
    "submission.stored": "It is in our records.",
    "submission.released": "A person has looked at it, and let it pass.",
    "submission.rejected": "A person has looked at it, and did not accept it.",
    "submission.erased": "Your message was erased everywhere.",
    "document.stored": "A file waits to be read.",
    "document.found": "A file was found inside another.",
    "document.extracted": "A file was read.",
    "document.failed": "A file could not be read.",
    "document.indexed": "It can be found by searching.",
    "notification.sent": "A mail went out.",
    "notification.failed": "A mail could not be sent.",
}
STATUSES = {
    "accepted": "Your message has arrived",
    "processing": "We are working on your message",
    "done": "Everything is done",
    "partly failed": "Your message is here, but not all went well",
    "held": "Your message is here and waits for a person to look at it",
    "rejected": "Your message was not accepted",
    "erased": "Your message was erased",
}


def wants_html(request: web.Request) -> bool:
    """Whether the client is a browser showing a page: it names HTML, and not after JSON."""
    accept = request.headers.get("Accept", "")
    html, json = accept.find("text/html"), accept.find("json")
    return html >= 0 and (json < 0 or html < json)


def page(name: str, code: int, headers: Mapping[str, str] | None = None, **values: object) -> web.Response:
    """A page as an answer."""
    text = _pages.get_template(name).render(**values)
    return web.Response(text=text, status=code, content_type="text/html", headers={**HEADERS, **(headers or {})})


def journey_page(journey: Journey) -> web.Response:
    """The journey; it renews itself without a script until it ends."""
    status = journey.status()
    steps = []
    for stored in journey.events():
        told = step(stored)
        number = str(told.get("document_id", "")).partition("-")[2]
        about = "message" if number == "0" else f"file {number}" if number else str(told.get("target", ""))
        text = STEPS.get(str(told["type"]), str(told["type"]))
        steps.append({"text": text, "about": about, "time": stored.time, "reason": told.get("reason", "")})
    return page(
        "journey.html",
        200,
        id=journey.submission_id,
        heading=STATUSES.get(status, status),
        status=status,
        ended=status in TERMINAL,
        steps=steps,
    )
