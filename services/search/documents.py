"""`GET /documents/<id>`: one document with its status, its provenance and the submission it came with."""

from collections.abc import Sequence

from aiohttp import web

from libs.events.errors import Transient
from libs.service import audit
from libs.service.http import Problem
from services.search.access import OWNER
from services.search.kept import Kept, kept_of
from services.search.parts import PARTS
from services.search.records import Document

RETRY_AFTER_SECONDS = 5


async def document_json(request: web.Request) -> web.Response:
    """The document as JSON; 404 when there is none, 503 while PostgreSQL is away."""
    document = await document_of(request)
    kept = await kept_of(request.app[PARTS].objects, document)
    body = as_json(document, await family_of(request, document), kept)
    if document.is_message:
        body["message"] = await message_of(request, document)
    audit.record("view", request[OWNER].id, document_id=document.document_id)
    return web.json_response(body, headers={"Cache-Control": "private, no-store"})


async def document_of(request: web.Request) -> Document:
    """The document that the request names. Raises Problem 404, or 503 while PostgreSQL is away."""
    try:
        document = await request.app[PARTS].records.document(request.match_info["document_id"])
    except Transient:
        raise record_is_away() from None
    if document is None:
        raise Problem(404, "There is no such document.")
    return document


async def family_of(request: web.Request, document: Document) -> list[Document]:
    """All documents of its submission, itself too. Raises Problem 503 while PostgreSQL is away."""
    try:
        return await request.app[PARTS].records.of_submission(document.contact_id)
    except Transient:
        raise record_is_away() from None


def parent_of(document: Document, family: Sequence[Document]) -> Document | None:
    """The document that it was found in; None for what was sent."""
    return next((one for one in family if one.document_id == document.found_in), None)


def members_of(document: Document, family: Sequence[Document]) -> list[Document]:
    """The documents found in it."""
    return [one for one in family if one.found_in == document.document_id]


async def message_of(request: web.Request, document: Document) -> str:
    """What the visitor wrote. Raises Problem as `document_of` does."""
    try:
        message = await request.app[PARTS].records.message(document.contact_id)
    except Transient:
        raise record_is_away() from None
    if message is None:
        raise Problem(404, "There is no such document.")
    return message


def record_is_away() -> Problem:
    """The answer while PostgreSQL is away."""
    return Problem(503, "The record is not available now. Try again in a moment.", retry_after=RETRY_AFTER_SECONDS)


def as_json(document: Document, family: Sequence[Document], kept: Kept | None) -> dict[str, object]:
    """The document's fields as the interface has them; where it lies in the object store is nobody's business.

    What it says of itself, and why it has its tags, is null while the object store is away.
    """
    sender, parent = document.sender, parent_of(document, family)
    return {
        "document_id": document.document_id,
        "contact_id": document.contact_id,
        "filename": document.filename,
        "document_type": document.document_type,
        "content_type": document.content_type,
        "size": document.size,
        "sha256": document.sha256,
        "status": document.status,
        "reason": document.reason,
        "note": document.note,
        "found_in": _short(parent) if parent is not None else None,
        "members": [_short(member) for member in members_of(document, family)],
        "scan": document.scan,
        "tags": document.tags,
        "about": None if kept is None else kept.as_json(),
        "reasons": None if kept is None else [reason.as_json() for reason in kept.reasons],
        "language": document.language,
        "provenance": {
            "extractor": document.extractor,
            "ocr": document.ocr,
            "pages": document.pages,
            "characters": document.characters,
            "generation": document.generation,
        },
        **pictures_of(document),
        "created_at": document.created_at.isoformat(),
        "contact": {
            "form": sender.form,
            "name": sender.name,
            "email": sender.email,
            "subject": sender.subject_line,
            "metadata": sender.metadata,
            "held": sender.held,
            "created_at": sender.created_at.isoformat(),
        },
    }


def _short(document: Document) -> dict[str, object]:
    return {"document_id": document.document_id, "filename": document.filename, "status": document.status}


def pictures_of(document: Document) -> dict[str, object]:
    """Where the pictures of its pages are; nothing when it has none."""
    if not document.pictures:
        return {}
    place = f"/documents/{document.document_id}"
    pages = [f"{place}/pages/{page}" for page in range(1, document.pictures + 1)]
    return {"thumbnail": f"{place}/thumbnail", "page_pictures": pages}
