"""`GET /documents/<id>/thumbnail` and `/pages/<n>`: pictures drawn from a document's pages, never the file itself."""

import hashlib

from aiohttp import hdrs, web
from multidict import CIMultiDict

from libs.events.errors import Transient
from libs.objects import previews
from libs.objects.store import MissingObject
from libs.service import audit
from libs.service.http import Problem
from services.search.access import OWNER
from services.search.documents import RETRY_AFTER_SECONDS, document_of
from services.search.download import HARMLESS
from services.search.parts import PARTS

HEADERS = {**HARMLESS, "Cache-Control": "private, no-cache", "Content-Disposition": "inline"}
"""A browser may keep a picture, but asks each time whether it may still show it."""


async def thumbnail(request: web.Request) -> web.Response:
    """The small picture of the first page; 404 when there is none.

    Not in the audit log: it comes with a search or a page that is.
    """
    document = await document_of(request)
    if not document.pictures:
        raise _none()
    return await _picture(request, previews.thumbnail_key(document.contact_id, document.number))


async def page(request: web.Request) -> web.Response:
    """The picture of a page, counted from 1; 404 when there is none."""
    document = await document_of(request)
    number = int(request.match_info["page"])
    if number > document.pictures:
        raise _none()
    response = await _picture(request, previews.page_key(document.contact_id, document.number, number))
    if response.status == 200:  # otherwise the browser has it from a look that is in the log
        audit.record("view", request[OWNER].id, document_id=document.document_id, page=number)
    return response


async def _picture(request: web.Request, key: str) -> web.Response:
    try:
        picture = await request.app[PARTS].objects.read(key, previews.MOST_BYTES)
    except MissingObject:
        raise _none() from None
    except Transient:
        raise Problem(503, "The picture is not available now.", retry_after=RETRY_AFTER_SECONDS) from None
    tag = hashlib.sha256(picture).hexdigest()[:32]
    headers = CIMultiDict({**HEADERS, hdrs.ETAG: f'"{tag}"'})
    if any(known.value in (tag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=picture, content_type=previews.CONTENT_TYPE, headers=headers)


def _none() -> Problem:
    return Problem(404, "There is no picture of it.")
