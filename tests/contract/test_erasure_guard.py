"""What the consumer loop promises of erased submissions, on a real nats-server: nothing brings them back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from nats.aio.client import Client

from libs.events.catalogue import ErasureBegun, Event, SubmissionCreated, SubmissionErased, SubmissionStored
from libs.events.consume import consuming
from libs.events.history import History
from libs.events.publish import Publisher
from libs.events.streams import STORAGE_RECORD
from tests.contract.test_consumer import Received, Seen, connect, settled, submission
from tests.support.stack import isolated_stack


@dataclass
class Eraser:
    """Storage's connection, and what was undone through it."""

    nc: Client
    ingest: Publisher
    undone: list[str] = field(default_factory=list)

    @property
    def publisher(self) -> Publisher:
        """Publishes as storage."""
        return Publisher(self.nc, "storage")

    async def erase(self, event: SubmissionCreated) -> None:
        """Put the tombstone in the submission's place, as storage does."""
        stored = await History(self.nc).read(event.subject)
        assert stored is not None
        await self.publisher.publish(SubmissionErased(submission_id=event.submission_id), "test", after=stored.sequence)
        await self.publisher.publish(ErasureBegun(submission_id=event.submission_id), "test")

    async def undo(self, submission_id: str) -> None:
        """What the loop calls."""
        self.undone.append(submission_id)


@pytest.fixture
async def eraser() -> AsyncIterator[Eraser]:
    """On a server of its own: an erasure there is is seen by every test."""
    async with isolated_stack(("nats",)) as server:
        storage, ingest = await connect(server, "storage"), await connect(server, "ingest")
        yield Eraser(storage, Publisher(ingest, "ingest"))
        await ingest.close()
        await storage.close()


def answers(received: Received) -> list[list[Event]]:
    """What storage would tell of each."""
    return [[SubmissionStored(submission_id=one.event.submission_id, attachments=0)] for one in received]


async def test_what_arrives_of_an_erased_submission_is_not_handled(eraser: Eraser) -> None:
    erased, other = submission("erased"), submission("other")
    await eraser.ingest.publish_all([(erased, "attempt"), (other, "attempt")])
    await eraser.erase(erased)
    seen = Seen()
    async with consuming(eraser.nc, eraser.publisher, STORAGE_RECORD, seen, batch=5, undo=eraser.undo):
        await settled(eraser.nc)
    assert seen.batches == [["other"]]


async def test_what_is_erased_while_it_is_handled_is_undone_and_nobody_is_told(eraser: Eraser) -> None:
    erased, other = submission("erased"), submission("other")
    await eraser.ingest.publish_all([(erased, "attempt"), (other, "attempt")])

    async def meanwhile(received: Received) -> list[list[Event]]:
        if any(one.event == erased for one in received):
            await eraser.erase(erased)
        return answers(received)

    async with consuming(eraser.nc, eraser.publisher, STORAGE_RECORD, Seen(meanwhile), batch=5, undo=eraser.undo):
        await settled(eraser.nc)
    assert eraser.undone == [erased.submission_id]
    assert await History(eraser.nc).read(f"{SubmissionStored.type}.{erased.submission_id}") is None
    assert await History(eraser.nc).read(f"{SubmissionStored.type}.{other.submission_id}") is not None
