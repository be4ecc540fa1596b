"""Changed tags in PostgreSQL: in whatever order events arrive, the newest reading's newest change counts."""

from itertools import permutations

import pytest

from libs.events.catalogue import DocumentExtracted, DocumentIndexed, DocumentTagged, Event
from libs.events.delivery import Received
from services.storage import journey
from tests.support.search_door import WHEN, Door, File

pytest_plugins = ["tests.support.search_fixtures"]


def extracted(sid: str, generation: int, tag: str) -> DocumentExtracted:
    return DocumentExtracted(
        submission_id=sid, number="1", generation=generation, text_key="text/x", characters=1, pages=1,
        document_type=tag, tags=(tag,), extractor="x",
    )  # fmt: skip


def tagged(sid: str, generation: int, revision: int, tag: str) -> DocumentTagged:
    return DocumentTagged(
        submission_id=sid, number="1", generation=generation, revision=revision, document_type=tag, tags=(tag,)
    )


async def told(door: Door, sid: str, number: str = "1") -> tuple[str, list[str], str, str]:
    row = await door.servers.pool.fetchrow(
        "select document_type, tags, status, language from search_documents where contact_id = $1 and number = $2",
        sid, number,
    )  # fmt: skip
    return tuple(row)


@pytest.mark.parametrize("last", ["tagged", "read again"])
async def test_the_order_of_events_makes_no_difference(door: Door, last: str) -> None:
    sid = await door.submit(File("a.pdf"))
    events: list[Event] = [extracted(sid, 1, "first"), tagged(sid, 1, 1, "second"), tagged(sid, 1, 2, "third")]
    events.append(
        extracted(sid, 2, "fourth") if last == "read again" else DocumentIndexed(submission_id=sid, number="1")
    )
    expected = ("fourth", ["fourth"], "extracted") if last == "read again" else ("third", ["third"], "indexed")
    for order in permutations(events):
        await door.servers.pool.execute("truncate document_states")
        for number, event in enumerate(order, 1000):
            received = [Received(event, "id", number, WHEN, 1)]
            await journey.write(door.servers.pool, received)
        assert (await told(door, sid))[:3] == expected
        await door.servers.pool.execute("truncate document_states")
        batch = [Received(event, "id", number, WHEN, 1) for number, event in enumerate(order, 1000)]
        await journey.write(door.servers.pool, batch)
        assert (await told(door, sid))[:3] == expected


async def test_a_message_has_its_tags_and_language_and_an_old_event_has_none(door: Door) -> None:
    sid = await door.submit()
    assert await told(door, sid, "0") == ("message", [], "indexed", "")  # as it was told before messages had tags
    known = DocumentIndexed(submission_id=sid, number="0", tags=("urgent",), language="de", rules="0-abc")
    await journey.write(door.servers.pool, [Received(known, "id", 2000, WHEN, 1)])
    assert await told(door, sid, "0") == ("message", ["urgent"], "indexed", "de")
    changed = DocumentTagged(submission_id=sid, number="0", revision=1, document_type="message", tags=("calm",))
    await journey.write(door.servers.pool, [Received(changed, "id", 2001, WHEN, 1)])
    assert await told(door, sid, "0") == ("message", ["calm"], "indexed", "de")
