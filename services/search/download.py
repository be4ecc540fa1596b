"""`GET /documents/<id>/content`: the file as it was sent, and never as something a browser would run or show."""

import logging
import re
import unicodedata
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from urllib.parse import quote

from aiohttp import hdrs, web

from libs.events.errors import Transient
from libs.objects.store import MissingObject
from libs.service import audit
from libs.service.http import Problem
from services.search.access import OWNER
from services.search.documents import RETRY_AFTER_SECONDS, document_of, message_of
from services.search.parts import PARTS
from services.search.records import Document
from services.search.rendering import page

log = logging.getLogger(__name__)

HARMLESS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Set here and not at the gateway alone: a file is as hostile behind another one."""

_CONTENT_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+(; ?charset=[A-Za-z0-9-]+)?", re.ASCII)
_UNPRINTABLE = ("Cc", "Cf", "Cs")
"""Controls, marks that turn the direction of writing, halves of characters."""
_ATTR_CHAR = "!#$&+-.^_`|~"
"""What RFC 8187 leaves unescaped, beside letters and digits."""


async def content(request: web.Request) -> web.StreamResponse:
    """The file's bytes as a download; the message's text for a message. 404 when missing, 503 when out of reach.

    A file in quarantine only for who says so, with `?quarantined=yes`: 403 when it is infected, 409 when it waits for
    its scan.
    """
    document = await document_of(request)
    refusal = _refusal(document, request)
    if refusal is not None and request.query.get("quarantined") != "yes":
        return _refused(request, document, refusal)
    if document.is_message:
        text = (await message_of(request, document)).encode()
        _record(request, document)
        headers = {**HARMLESS, "Content-Disposition": attachment("message.txt")}
        return web.Response(body=text, content_type="text/plain", charset="utf-8", headers=headers)
    if document.object_key is None:
        raise Problem(404, "The file is not there.")
    async with aclosing(_bytes_of(request, document.object_key)) as chunks:
        try:
            first = await anext(chunks, b"")
        except MissingObject:
            log.error("a document's object is missing", extra={"document_id": document.document_id})
            raise Problem(404, "The file is not there.") from None
        except Transient:
            raise Problem(503, "The file is not available now.", retry_after=RETRY_AFTER_SECONDS) from None
        _record(request, document)
        return await _send(request, document, first, chunks)


def _refusal(document: Document, request: web.Request) -> Problem | None:
    """Why the file is in quarantine; None when it is not."""
    if document.is_infected:
        return Problem(403, f"The file is in quarantine. {document.reason or 'It is infected.'}")
    if document.waits and request.app[PARTS].scanned:
        title = "The file has not been scanned for viruses yet. Try again in a moment."
        return Problem(409, title, retry_after=RETRY_AFTER_SECONDS)
    return None


def _refused(request: web.Request, document: Document, problem: Problem) -> web.Response:
    audit.record("download refused", request[OWNER].id, document_id=document.document_id, scan=document.scan)
    if "text/html" not in request.headers.get(hdrs.ACCEPT, ""):
        raise problem
    shown = {"document": document, "problem": problem}
    return page("quarantine.html", shown, status=problem.status, headers=problem.headers)


def _bytes_of(request: web.Request, object_key: str) -> AsyncGenerator[bytes, None]:
    return request.app[PARTS].objects.stream(object_key)


def _record(request: web.Request, document: Document) -> None:
    action = "download" if request.method == hdrs.METH_GET else "view"
    if _refusal(document, request) is not None:
        action = f"{action} quarantined"
    audit.record(action, request[OWNER].id, document_id=document.document_id)


async def _send(
    request: web.Request, document: Document, first: bytes, chunks: AsyncIterator[bytes]
) -> web.StreamResponse:
    known = _CONTENT_TYPE.fullmatch(document.content_type)
    response = web.StreamResponse(
        headers={
            **HARMLESS,
            "Content-Disposition": attachment(document.filename),
            "Content-Type": document.content_type if known else "application/octet-stream",
            "Content-Length": str(document.size),
        }
    )
    await response.prepare(request)
    if request.method == hdrs.METH_HEAD:
        return response
    if not await _copy(response, first, chunks, document) and request.transport is not None:
        # The answer has begun, so the only honest way to say that the rest is missing is to break it off.
        request.transport.abort()
    return response


async def _copy(response: web.StreamResponse, chunk: bytes, chunks: AsyncIterator[bytes], document: Document) -> bool:
    """Write all chunks; False when they are not the bytes that were promised."""
    left = document.size - len(chunk)
    try:
        await response.write(chunk)
        async for chunk in chunks:
            left -= len(chunk)
            await response.write(chunk)
    except Transient as error:
        log.warning("a download broke off", extra={"document_id": document.document_id, "error": str(error)})
        return False
    if left:
        log.error("an object's size is not the record's", extra={"document_id": document.document_id, "left": left})
    return left == 0


def attachment(filename: str) -> str:
    """The Content-Disposition (RFC 6266) to download a file as `filename`: plain for old clients, and exact."""
    clean = "".join(c for c in filename if unicodedata.category(c) not in _UNPRINTABLE) or "document"
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode()
    plain = re.sub(r'["\\/%;]', "_", plain).strip() or "document"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(clean, safe=_ATTR_CHAR)}"
