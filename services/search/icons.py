"""Which icon stands for a document without a picture of its own, by its kind of file."""

EXACT = {
    "application/pdf": "text",
    "application/rtf": "text",
    "application/msword": "text",
    "application/vnd.ms-excel": "table",
    "application/vnd.ms-powerpoint": "slides",
    "application/epub+zip": "book",
    "message/rfc822": "mail",
    "application/vnd.ms-outlook": "mail",
    "text/html": "web",
    "text/csv": "table",
    "application/zip": "archive",
    "application/gzip": "archive",
    "application/x-tar": "archive",
    "application/x-7z-compressed": "archive",
}
ENDINGS = {
    ".document": "text",
    ".text": "text",
    ".sheet": "table",
    ".spreadsheet": "table",
    ".presentation": "slides",
}
"""How the content types of office documents end."""
GROUPS = {"text/": "text", "image/": "picture"}


def icon_of(document_type: str, content_type: str | None) -> str:
    """The icon's name, one of `pages/assets/types`; an index without the record knows no content type."""
    if document_type == "message":
        return "message"
    kind = content_type or ""
    if kind in EXACT:
        return EXACT[kind]
    by_ending = (name for ending, name in ENDINGS.items() if kind.endswith(ending))
    by_group = (name for group, name in GROUPS.items() if kind.startswith(group))
    return next(by_ending, None) or next(by_group, "file")
