"""Meilisearch on bad days, as indexer sees it: its loop pauses, and everything is found when the day is over."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import nats
import pytest

from letterbox.index_keys import key_of, prepare_keys
from libs.events.streams import DEAD_LETTERS, INDEXER_INDEX, STREAM
from tests.support.meilisearch_scripted import FULL_DISK, FULL_QUEUE, ScriptedMeilisearch
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

PARTS = ("nats", "postgres", "object-store", "ingest", "storage", "indexer")
TRIES = 3
"""Attempts that fail before the day gets better."""


@dataclass
class Day:
    """The engine, and somebody who writes meanwhile."""

    engine: ScriptedMeilisearch
    visitor: Visitor

    async def written(self, *messages: str) -> list[str]:
        return [(await self.visitor.send({"message": message})).id for message in messages]

    async def all_found(self, ids: list[str]) -> None:
        await self.engine.until(lambda: set(ids) <= {one["contact_id"] for one in self.engine.documents().values()})

    async def told(self, submission_id: str) -> bool:
        """Whether the journey says that the message can be found."""
        journey = await self.visitor.journey(submission_id)
        return "document.indexed" in {event["type"] for event in journey["events"]}

    async def blamed(self) -> tuple[int, int]:
        """Dead letters, and deliveries that were repeated."""
        stack = self.visitor.stack
        nc = await nats.connect(
            stack.address("nats"), user="operator", password=stack.secret("nats-operator"),
            inbox_prefix=b"_INBOX_operator",
        )  # fmt: skip
        try:
            letters = (await nc.jetstream().stream_info(DEAD_LETTERS)).state.messages
            consumer = await nc.jetstream().consumer_info(STREAM, INDEXER_INDEX.name)
            return letters, consumer.num_redelivered or 0
        finally:
            await nc.close()


@pytest.fixture(scope="module")
async def day() -> AsyncIterator[Day]:
    async with ScriptedMeilisearch() as engine:
        await prepare_keys(engine.url, engine.master)
        indexer = {
            "LETTERBOX_INDEX": "meilisearch",
            "LETTERBOX_MEILISEARCH_URL": engine.url,
            "LETTERBOX_MEILISEARCH_KEY": key_of("indexer", engine.master),
        }
        async with (
            isolated_stack(PARTS, {"ingest": RATES_OFF, "indexer": indexer}) as stack,
            visiting(stack) as visitor,
        ):
            yield Day(engine, visitor)


def queue_is_full(engine: ScriptedMeilisearch) -> None:
    engine.refuses_tasks = FULL_QUEUE


def disk_is_full(engine: ScriptedMeilisearch) -> None:
    engine.fails_tasks = FULL_DISK


def tasks_are_canceled(engine: ScriptedMeilisearch) -> None:
    engine.cancels_tasks = True


@pytest.mark.parametrize("turn", [queue_is_full, disk_is_full, tasks_are_canceled])
async def test_what_is_written_meanwhile_waits_blames_nobody_and_is_found_afterwards(
    day: Day, turn: Callable[[ScriptedMeilisearch], None]
) -> None:
    engine = day.engine
    turn(engine)
    before = engine.tasks_failed
    ids = await day.written("Good morning.", "Good evening.")
    await engine.until(lambda: engine.tasks_failed >= before + TRIES)
    assert not set(ids) & {one["contact_id"] for one in engine.documents().values()}
    engine.recover()
    await day.all_found(ids)
    assert await day.blamed() == (0, 0)
    for one in ids:
        await eventually(lambda one=one: day.told(one))


async def test_a_document_that_meilisearch_chokes_on_does_not_hold_up_the_others(day: Day) -> None:
    """It is retried alone and then waits as a dead letter, which tests/faults/test_poison.py follows to its end."""
    engine = day.engine
    queue_is_full(engine)
    engine.blames = lambda document: "internal" if "unbearable" in document["text"] else None
    before = engine.tasks_failed
    first, bad, last = await day.written("Good morning.", "This is unbearable.", "Good evening.")
    await engine.until(lambda: engine.tasks_failed >= before + TRIES)
    engine.refuses_tasks = None  # now the three come in few batches
    await day.all_found([first, last])
    assert bad not in {one["contact_id"] for one in engine.documents().values()}
    engine.recover()
    await day.all_found([bad])
    assert (await day.blamed())[0] == 0
