"""Each kind of file has an icon, and every icon that is named is drawn."""

from pathlib import Path

import pytest

from services.search import icons
from services.search.rendering import ASSETS

OFFICE = "application/vnd.openxmlformats-officedocument"


@pytest.mark.parametrize(
    ("document_type", "content_type", "icon"),
    [
        ("message", "text/plain", "message"),
        ("message", None, "message"),
        ("invoice", "application/pdf", "text"),
        ("document", f"{OFFICE}.wordprocessingml.document", "text"),
        ("document", f"{OFFICE}.spreadsheetml.sheet", "table"),
        ("document", f"{OFFICE}.presentationml.presentation", "slides"),
        ("document", "application/vnd.oasis.opendocument.text", "text"),
        ("document", "text/csv", "table"),
        ("document", "text/plain", "text"),
        ("document", "image/heic", "picture"),
        ("document", "message/rfc822", "mail"),
        ("document", "application/octet-stream", "file"),
        ("document", None, "file"),
    ],
)
def test_a_document_has_the_icon_of_its_kind(document_type: str, content_type: str | None, icon: str) -> None:
    assert icons.icon_of(document_type, content_type) == icon


def test_every_icon_that_is_named_is_drawn() -> None:
    named = {"message", "file", *icons.EXACT.values(), *icons.ENDINGS.values(), *icons.GROUPS.values()}
    assert named <= {Path(file).stem for file in (ASSETS / "types").glob("*.svg")}
