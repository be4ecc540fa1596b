"""Why a document has its tags: on its page and in its JSON, in the document's own words, and not without the store."""

import json

import pytest

from libs.objects.store import ObjectStore
from services.indexer import texts
from services.indexer.tags import Reason
from services.indexer.texts import KeptText
from tests.support.search_door import WHEN, Door, File

pytest_plugins = ["tests.support.search_fixtures"]

INVOICE = File("invoice.pdf", text="Invoice", tags=("invoice",), document_type="invoice")
BILLED = Reason("invoice", "invoices", 3, "invoice", ("Rechnung <7>", "INV-7"))


async def keep(objects: ObjectStore, sid: str, number: str, key: str, *, words: str = "Text", reason: Reason) -> None:
    """Keep a text as indexer does, under the key that its event told."""
    text = KeptText(
        submission_id=sid, number=number, generation=1, filename="f", contact_name="Ada", created_at=WHEN, size=1,
        pages=(words,), tags=(reason.tag,), reasons=(reason,),
    )  # fmt: skip
    await texts.keep(objects, text)
    await objects.put(key, await objects.read(text.key, 1 << 24), "application/json")


async def test_a_tag_tells_which_rule_gave_it_and_which_words_made_it(door: Door) -> None:
    sid = await door.submit(INVOICE)
    await keep(door.servers.objects, sid, "1", f"text/{sid}/1", reason=BILLED)
    async with door.owner.get(f"/documents/{sid}-1") as response:
        body = await response.json()
    assert body["tags"] == ["invoice"]
    assert body["reasons"] == [
        {
            "tag": "invoice", "rule": "invoices", "version": 3, "words": ["Rechnung <7>", "INV-7"],
            "document_type": "invoice",
        }
    ]  # fmt: skip
    async with door.owner.get(f"/search/documents/{sid}-1") as response:
        page = await response.text()
    assert "rule “invoices”, version 3; it also decides the kind: <q>Rechnung &lt;7&gt;</q>, <q>INV-7</q>" in page


async def test_a_message_tells_it_too(door: Door) -> None:
    sid = await door.submit()
    urgent = Reason("urgent", "urgent", 1, "", ("ASAP",))
    await keep(door.servers.objects, sid, "0", f"text/{sid}/0.1.json", reason=urgent)
    async with door.owner.get(f"/documents/{sid}-0") as response:
        assert (await response.json())["reasons"] == [
            {"tag": "urgent", "rule": "urgent", "version": 1, "words": ["ASAP"]}
        ]


async def test_a_long_text_is_not_read_for_it(door: Door) -> None:
    sid = await door.submit(INVOICE)
    await keep(door.servers.objects, sid, "1", f"text/{sid}/1", words="lantern " * 1_500_000, reason=BILLED)
    before = door.s3.passed
    async with door.owner.get(f"/documents/{sid}-1") as response:
        assert (await response.json())["reasons"][0]["rule"] == "invoices"
    assert door.s3.passed - before < 4 << 20  # of 12 MB


@pytest.mark.parametrize("away", ["cut", "hang"])
async def test_while_the_store_is_away_the_rest_is_shown(door: Door, away: str) -> None:
    sid = await door.submit(INVOICE)
    await keep(door.servers.objects, sid, "1", f"text/{sid}/1", reason=BILLED)
    if away == "cut":
        await door.s3.cut()
    else:
        door.s3.hang()
    async with door.owner.get(f"/documents/{sid}-1") as response:
        body = await response.json()
    assert (body["tags"], body["reasons"]) == (["invoice"], None)
    async with door.owner.get(f"/search/documents/{sid}-1") as response:
        page = await response.text()
    assert response.status == 200
    assert "why it has its tags, cannot be shown now" in page
    assert "invoice.pdf" in page
    await door.s3.open()


@pytest.mark.parametrize("kept", [None, b"", b"{", b"[]", json.dumps({"reasons": "x"}).encode(), b"\xff"])
async def test_a_kept_text_that_is_missing_old_or_damaged_tells_nothing(door: Door, kept: bytes | None) -> None:
    sid = await door.submit(INVOICE)
    if kept is not None:
        await door.servers.objects.put(f"text/{sid}/1", kept, "application/json")
    async with door.owner.get(f"/documents/{sid}-1") as response:
        assert response.status == 200
        assert (await response.json())["reasons"] == []
