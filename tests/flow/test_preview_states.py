"""What the record says of pictures is the same in whatever order events arrive, alone or in batches."""

from datetime import UTC, datetime
from itertools import permutations
from secrets import token_hex
from typing import Any

from libs.events.catalogue import DocumentFailed, DocumentIndexed, DocumentPreviewed, DocumentStored, Event
from libs.events.delivery import Received
from services.storage import journey
from tests.support.search_servers import Servers

pytest_plugins = ["tests.support.search_fixtures"]

WHEN = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def events(sid: str) -> list[Event]:
    """A document that has pictures at first, is read again, and has none then."""
    ids: dict[str, Any] = {"submission_id": sid, "number": "1"}
    return [
        DocumentStored(**ids, object_key="originals/x", content_type="image/png", size=1, sha256="0" * 64),
        DocumentIndexed(**ids),
        DocumentPreviewed(**ids, pages=3, width=990, height=1400),
        DocumentFailed(**ids, generation=2, reason="refused", message="No."),
        DocumentPreviewed(**ids, generation=2, pages=0),
    ]


async def state(servers: Servers, order: tuple[int, ...], batch: int) -> tuple[Any, ...]:
    """What is recorded once the events arrived in this order, so many at once."""
    sid = token_hex(16)
    made = events(sid)
    received = [Received(made[n], made[n].subject, int(token_hex(6), 16), WHEN, 1) for n in order]
    for begin in range(0, len(received), batch):
        await journey.write(servers.pool, received[begin : begin + batch])
    row = await servers.pool.fetchrow(
        "select generation, status, preview_generation, preview_pages, preview_width, preview_height "
        "from document_states where document_id = $1",
        f"{sid}-1",
    )
    return tuple(row)


async def test_the_newest_pictures_count_in_whatever_order_events_arrive(search_servers: Servers) -> None:
    for number, order in enumerate(permutations(range(5))):
        assert await state(search_servers, order, 1 + number % 3) == (2, "failed", 2, 0, 0, 0), order


async def test_pictures_that_are_told_of_first_are_not_forgotten(search_servers: Servers) -> None:
    assert await state(search_servers, (2,), 1) == (0, "stored", 1, 3, 990, 1400)
    assert await state(search_servers, (2, 0, 1), 1) == (1, "indexed", 1, 3, 990, 1400)
