"""The routes of ingest."""

import asyncio
import contextlib
import re
import uuid

from aiohttp import web
from prometheus_client import Gauge

from libs.events.errors import Transient
from libs.service.http import Problem, observed, problems
from services.ingest import render
from services.ingest.cors import cors, mark
from services.ingest.follow import follow
from services.ingest.form import HONEYPOT, TEXT_LIMITS
from services.ingest.journey import Journey
from services.ingest.parts import PARTS, Parts
from services.ingest.submit import RETRY_AFTER_SECONDS, Refused, destination, submit

JOURNEYS = Gauge("ingest_open_journeys", "Event streams that are open.")

SUBMISSION_ID = re.compile(r"[0-9a-f]{32}")


def ingest_app(parts: Parts) -> web.Application:
    """The aiohttp application of the public port."""
    app = web.Application(middlewares=[observed, cors, problems])
    app[PARTS] = parts
    app.router.add_get("/contact", show_form)
    app.router.add_post("/contact", post_submission)
    app.router.add_options("/contact", preflight)
    app.router.add_static("/contact/assets", render.ASSETS)
    app.router.add_get("/contact/{id}", show_journey)
    app.router.add_options("/contact/{id}", preflight)
    app.router.add_get("/contact/{id}/events", stream_journey)
    app.router.add_options("/contact/{id}/events", preflight)
    app.on_shutdown.append(_closing)
    return app


async def _closing(app: web.Application) -> None:
    app[PARTS].closing.set()


async def preflight(_request: web.Request) -> web.Response:
    """An OPTIONS request that is no preflight."""
    return web.Response(status=204, headers={"Allow": "GET, HEAD, POST, OPTIONS"})


async def show_form(request: web.Request) -> web.Response:
    """The contact form, with a token that makes sending it twice harmless."""
    return _form_page(request, _form_name(request), 200, {}, [])


async def post_submission(request: web.Request) -> web.StreamResponse:
    """Keep a submission: 202 for programs, 303 to the journey (or an allowed page) for browsers."""
    form = _form_name(request)
    settings = request.app[PARTS].settings
    try:
        accepted, fields = await submit(request, form)
    except Refused as refused:
        if not render.wants_html(request):
            raise refused.problem from None
        return _refusal_page(request, form, refused)
    path = f"/contact/{accepted.submission_id}"
    if render.wants_html(request):
        location = destination(fields, accepted.submission_id, settings.return_to)
        return web.Response(status=303, headers={"Location": location, "Cache-Control": "no-store"})
    headers = {"Location": settings.public_url + path, "Cache-Control": "no-store"}
    if accepted.replayed:
        headers["Idempotent-Replayed"] = "true"
    body = {
        "id": accepted.submission_id,
        "status": "accepted",
        "status_url": settings.public_url + path,
        "events_url": f"{settings.public_url}{path}/events",
    }
    return web.json_response(body, status=202, headers=headers)


async def show_journey(request: web.Request) -> web.StreamResponse:
    """The journey as a page or as JSON."""
    try:
        journey = await _journey(request)
    except Problem as problem:
        if render.wants_html(request):
            return render.page("problem.html", problem.status, problem.headers, title=problem.title, errors=[])
        raise
    if render.wants_html(request):
        return render.journey_page(journey)
    return web.json_response(journey.as_json(), headers={"Cache-Control": "no-store"})


async def stream_journey(request: web.Request) -> web.StreamResponse:
    """The journey as server-sent events."""
    parts = request.app[PARTS]
    if parts.journeys.locked():
        raise Problem(503, "Too many journeys are being followed right now.", retry_after=RETRY_AFTER_SECONDS)
    journey = await _journey(request)
    last = request.headers.get("Last-Event-ID", "")
    response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.content_type = "text/event-stream"
    origin = request.headers.get("Origin", "")
    mark(response, origin if origin in parts.settings.origins else "")
    async with parts.journeys:
        await response.prepare(request)
        with JOURNEYS.track_inprogress(), contextlib.suppress(ConnectionResetError, asyncio.CancelledError):
            await follow(response, journey, int(last) if last.isdecimal() else 0, parts)
            await response.write_eof()
    return response


async def _journey(request: web.Request) -> Journey:
    parts, submission_id = request.app[PARTS], request.match_info["id"]
    if not SUBMISSION_ID.fullmatch(submission_id):
        raise Problem(404, "There is no such message.")
    journey = Journey(parts.history, submission_id)
    try:
        await journey.look()
    except Transient:
        raise Problem(503, "We cannot look this up right now.", retry_after=RETRY_AFTER_SECONDS) from None
    if journey.created is None and not journey.erased:
        raise Problem(404, "There is no such message.")
    return journey


def _form_name(request: web.Request) -> str:
    forms = request.app[PARTS].settings.forms
    name = request.query.get("form", forms[0])
    if name not in forms:
        raise Problem(404, "There is no such form.")
    return name


def _refusal_page(request: web.Request, form: str, refused: Refused) -> web.Response:
    problem = refused.problem
    errors = problem.errors or [{"field": "", "message": problem.title}]
    values = {
        # JSON can spell half a surrogate pair, which no page can hold
        name: refused.fields.get(name, "")[:limit].encode("utf-8", "replace").decode()
        for name, limit in TEXT_LIMITS.items()
    }
    return _form_page(request, form, problem.status, values, errors, problem.headers)


def _form_page(
    request: web.Request,
    form: str,
    status: int,
    values: dict[str, str],
    errors: list[dict[str, str]],
    headers: dict[str, str] | None = None,
) -> web.Response:
    settings = request.app[PARTS].settings
    by_field = {error["field"]: error["message"] for error in errors}
    return render.page(
        "form.html",
        status,
        headers,
        action="/contact" if form == settings.forms[0] else f"/contact?form={form}",
        token=uuid.uuid4().hex,
        honeypot=HONEYPOT,
        limits=TEXT_LIMITS,
        values=values,
        errors=errors,
        by_field=by_field,
        max_files=settings.max_files,
        max_file_mebibytes=settings.max_file_bytes >> 20,
    )
