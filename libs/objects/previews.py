"""Where the pictures of a document's pages are kept; a picture of the same bytes has the same key for ever."""

from libs.objects.store import PREVIEWS

CONTENT_TYPE = "image/webp"
MOST_BYTES = 1 << 20
"""No picture is larger."""


def prefix(submission_id: str) -> str:
    """What the keys of all pictures of a submission begin with."""
    return f"{PREVIEWS}{submission_id}/"


def document_prefix(submission_id: str, number: str) -> str:
    """What the keys of all pictures of one document begin with."""
    return f"{prefix(submission_id)}{number}/"


def thumbnail_key(submission_id: str, number: str) -> str:
    """The key of the small picture of a document's first page."""
    return f"{document_prefix(submission_id, number)}thumbnail.webp"


def page_key(submission_id: str, number: str, page: int) -> str:
    """The key of the picture of a page, counted from 1."""
    return f"{document_prefix(submission_id, number)}{page}.webp"


def keys(submission_id: str, number: str, pages: int) -> list[str]:
    """The keys of all pictures of a document with pictures of `pages` pages; none when there are none."""
    if not pages:
        return []
    numbered = (page_key(submission_id, number, page) for page in range(1, pages + 1))
    return [thumbnail_key(submission_id, number), *numbered]
