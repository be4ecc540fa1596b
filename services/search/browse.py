"""The pages for people: `/search` with its filters, and one page for each document."""

import re

from aiohttp import web
from pydantic import ValidationError

from libs.events.errors import Transient
from libs.service import audit
from libs.service.http import Problem
from services.search.access import OWNER
from services.search.answers import QUERIES, answer
from services.search.documents import document_of, family_of, members_of, parent_of, record_is_away
from services.search.kept import kept_of
from services.search.parts import PARTS
from services.search.query import DOCUMENT_ID, field_errors
from services.search.records import Document
from services.search.rendering import page
from services.search.search_address import SearchAddress

_SUBMISSION = re.compile(r"[0-9a-f]{32}")
_DOCUMENT = re.compile(DOCUMENT_ID)


async def search_page(request: web.Request) -> web.Response:
    """The search box with what was found: newest first without words; one submission's documents with `?contact=`.

    With `?like=` it is what is like one document.
    """
    address = SearchAddress.of(request.query)
    documents, record_away = await _submission(request, address.contact)
    shown = {
        "address": address,
        "liked": await _liked(request, address.value("like")),
        "documents": documents,
        "found": None,
        "groups": [],
        "errors": [],
        "degraded": record_away,
    }
    if documents and not address.narrows:
        audit.record("view", request[OWNER].id, contact_id=address.contact)
        return page("search.html", shown)
    try:
        found = await answer(address.as_request(), request.app[PARTS], request[OWNER].id)
    except ValidationError as error:
        QUERIES.labels("invalid").inc()
        return page("search.html", {**shown, "errors": field_errors(error)}, status=422)
    except Problem as problem:
        errors = problem.errors or [{"field": "", "message": problem.title}]
        return page("search.html", {**shown, "errors": errors}, status=problem.status, headers=problem.headers)
    groups = address.groups(found.facets)
    return page("search.html", {**shown, "found": found, "groups": groups, "degraded": record_away or found.degraded})


async def document_page(request: web.Request) -> web.Response:
    """One document: what it is, how it was read, the message it came with and the other documents of that message."""
    document = await document_of(request)
    family = await family_of(request, document)
    try:
        message = await request.app[PARTS].records.message(document.contact_id)
    except Transient:
        raise record_is_away() from None
    audit.record("view", request[OWNER].id, document_id=document.document_id)
    shown = {
        "document": document,
        "sender": document.sender,
        "message": message,
        "parent": parent_of(document, family),
        "members": members_of(document, family),
        "others": [one for one in family if one.found_in is None and one.document_id != document.document_id],
        "scanned": request.app[PARTS].scanned,
        "kept": await kept_of(request.app[PARTS].objects, document),
    }
    return page("document.html", shown)


async def _submission(request: web.Request, contact_id: str) -> tuple[list[Document], bool]:
    """The documents of the submission that the page is about, and whether the record was away."""
    if not _SUBMISSION.fullmatch(contact_id):
        return [], False
    try:
        return await request.app[PARTS].records.of_submission(contact_id), False
    except Transient:
        return [], True


async def _liked(request: web.Request, document_id: str) -> Document | None:
    """The document whose likes are asked for, as far as the record knows it now."""
    if not _DOCUMENT.fullmatch(document_id):
        return None
    try:
        return await request.app[PARTS].records.document(document_id)
    except Transient:
        return None
