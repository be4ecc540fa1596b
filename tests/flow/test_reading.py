"""What a reading found is kept beside the original, and the event tells of it what is no personal data."""

import json

from libs.events.catalogue import DocumentExtracted
from services.indexer.texts import KeptText
from tests.flow.test_inbox import ask
from tests.flow.test_verify import stream
from tests.support import documents
from tests.support.visitor import Visitor


async def test_the_kept_text_says_where_it_came_from(visitor: Visitor) -> None:
    submission = (await visitor.send(files=[("order.bin", documents.pdf_form())])).id
    assert (await visitor.ended(submission))["status"] == "done"
    kept = KeptText.model_validate_json(await visitor.objects.read(f"text/{submission}/1.1.json", 1 << 20))
    assert (kept.title, kept.author) == (documents.TITLE, documents.AUTHOR)
    assert (kept.created, kept.modified) == ("2026-05-06T10:15:00+00:00", "2026-05-07T08:30:00+02:00")
    assert kept.route == ("pdfium: read", "1 attached")
    assert 0.9 < kept.quality <= 1
    async with stream(visitor) as jetstream:
        message = await jetstream.get_last_msg("EVENTS", f"document.extracted.{submission}.1.1")
    told = json.loads(message.data or b"")
    assert DocumentExtracted.model_validate(told).quality == kept.quality
    assert documents.TITLE not in str(told)
    assert documents.AUTHOR not in str(told)
    told = (await ask(visitor, "GET", f"/documents/{submission}-1")).body
    assert told["about"] == {
        "title": documents.TITLE,
        "author": documents.AUTHOR,
        "created": kept.created,
        "modified": kept.modified,
        "quality": kept.quality,
        "route": list(kept.route),
        "left_out": [],
    }


async def test_an_archive_is_taken_and_found_by_the_names_in_it(visitor: Visitor) -> None:
    archive = documents.packed(("plans/lighthouse-gallery.txt", "x"))
    submission = (await visitor.send(files=[("all.zip", archive)])).id
    await visitor.ended(submission)
    found = await visitor.found("gallery", contact_id=submission)
    assert "application/zip" in [hit["content_type"] for hit in found]
