"""The application of search: its routes, and the questions a program asks (the pages are in `browse.py`)."""

from aiohttp import web
from pydantic import ValidationError

from libs.service.http import Problem, observed, problems
from services.search import browse, consoles, download, inbox, login, pictures, status
from services.search.access import ACCESS, OWNER, guarded
from services.search.answers import QUERIES, answer
from services.search.documents import document_json
from services.search.parts import PARTS, Parts
from services.search.query import SearchRequest, field_errors
from services.search.rendering import ASSETS, in_html

BODY_BYTES = 64 * 1024
"""No request to search has a larger body."""


def application(parts: Parts) -> web.Application:
    """The owner's door over `parts`."""
    app = web.Application(middlewares=[observed, problems, in_html, guarded], client_max_size=BODY_BYTES)
    app[PARTS], app[ACCESS] = parts, parts.access
    document = "{document_id:[0-9a-f]{32}-[0-9]{1,3}(-[0-9]{1,3})*}"
    submission = "{submission_id:[0-9a-f]{32}}"
    app.add_routes(
        [
            web.post("/documents/search", search),
            web.get(f"/documents/{document}", document_json),
            web.get(f"/documents/{document}/content", download.content),
            web.get(f"/documents/{document}/thumbnail", pictures.thumbnail),
            web.get(f"/documents/{document}/pages/{{page:[1-9][0-9]?}}", pictures.page),
            web.get("/search", browse.search_page),
            web.get(f"/search/documents/{document}", browse.document_page),
            web.get("/submissions/held", inbox.held_json),
            web.post(f"/submissions/{submission}/{{verb:release|reject}}", inbox.decide_json),
            web.post(f"/submissions/{submission}/erase", inbox.erase_json),
            web.get(f"/submissions/{submission}/erasure", inbox.erasure_json),
            web.get("/dead-letters", inbox.letters_json),
            web.post("/dead-letters/{verb:retry|drop}", inbox.settle_json),
            web.get("/search/inbox", inbox.inbox_page),
            web.post("/search/inbox", inbox.inbox_form),
            web.get("/status", status.status_page),
            web.get("/search/login", login.login_page),
            web.post("/search/login", login.log_in),
            web.post("/search/logout", login.log_out),
            web.static("/search/assets", ASSETS),
            web.get("/verify", consoles.verify),
        ]
    )
    return app


async def search(request: web.Request) -> web.Response:
    """`POST /documents/search`: hits, facets and total as JSON."""
    if request.content_type != "application/json":
        raise Problem(415, "A search is sent as application/json.")
    try:
        asked = SearchRequest.model_validate_json(await request.read())
    except ValidationError as error:
        QUERIES.labels("invalid").inc()
        broken = error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid"
        if broken:
            raise Problem(400, "The body is not JSON.") from None
        raise Problem(422, "The search is not valid.", errors=field_errors(error)) from None
    found = await answer(asked, request.app[PARTS], request[OWNER].id)
    return web.json_response(found.as_json(), headers={"Cache-Control": "private, no-store"})
