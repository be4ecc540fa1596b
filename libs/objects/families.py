"""What sort of file a content type is: a small, closed set for counting, whatever a file or a forged event says."""

from libs.objects import sniff

FAMILIES = {
    "application/pdf": "pdf",
    "application/rtf": "text",
    "application/json": "text",
    "application/msword": "word",
    "application/vnd.ms-excel": "table",
    "application/vnd.ms-powerpoint": "slides",
    "application/vnd.ms-outlook": "mail",
    "application/epub+zip": "book",
    "application/zip": "archive",
    "message/rfc822": "mail",
    "text/csv": "table",
    "text/html": "web",
    sniff.BINARY_SHEET: "table",
    sniff.LOCKED: "locked",
    sniff.EMPTY: "empty",
}
ENDINGS = {
    ".wordprocessingml.document": "word",
    ".spreadsheetml.sheet": "table",
    ".presentationml.presentation": "slides",
    "opendocument.text": "word",
    "opendocument.spreadsheet": "table",
    "opendocument.presentation": "slides",
}
GROUPS = {"image/": "image", "text/": "text"}


def family(content_type: str) -> str:
    """One of the words above, or `other`."""
    known = FAMILIES.get(content_type)
    if known:
        return known
    by_ending = (name for ending, name in ENDINGS.items() if content_type.endswith(ending))
    by_group = (name for group, name in GROUPS.items() if content_type.startswith(group))
    return next(by_ending, None) or next(by_group, "other")
