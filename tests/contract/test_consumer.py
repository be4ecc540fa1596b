"""What the consumer loop promises, on a real nats-server: nothing lost, nothing twice, one poison message alone."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

import nats
import pytest
from nats.aio.client import Client

from letterbox.local.stack import LocalStack
from libs.events import consume, delivery, traffic
from libs.events.catalogue import DocumentStored, SubmissionCreated, SubmissionStored, event_id
from libs.events.consume import consuming, each
from libs.events.errors import NotPublished, OutcomeUnknown, SubjectTaken, Transient
from libs.events.history import History
from libs.events.publish import Publisher
from libs.events.replay import Replays, following
from libs.events.streams import DEAD_LETTERS, STORAGE_RECORD, STREAM, Durable, consumer_config, provision
from tests.support.stack import isolated_stack

Received = Sequence[delivery.Received[SubmissionCreated]]


def submission(message: str = "hello") -> SubmissionCreated:
    return SubmissionCreated(
        submission_id=token_hex(16),
        form="contact",
        created_at=datetime.now(UTC),
        name="Ada",
        email="ada@example.org",
        message=message,
    )


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[LocalStack]:
    async with isolated_stack(("nats",)) as stack:
        yield stack


async def connect(stack: LocalStack, user: str = "operator") -> Client:
    return await nats.connect(
        stack.address("nats"),
        user=user,
        password=stack.secret(f"nats-{user}"),
        inbox_prefix=f"_INBOX_{user}".encode(),
        pending_size=0,
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.1,
    )


@pytest.fixture
async def nc(server: LocalStack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Client]:
    """A fresh stream and fresh durables for each test, with short pauses."""
    monkeypatch.setattr(consume, "RETRY_PAUSES_SECONDS", (0.05,) * consume.RETRIES)
    admin = await connect(server)
    manager = admin.jetstream(timeout=10)
    for stream in (STREAM, DEAD_LETTERS):
        with contextlib.suppress(nats.js.errors.NotFoundError):
            await manager.delete_stream(stream)
    provisioner = await connect(server, "provision")
    await provision(provisioner)
    await provisioner.close()
    yield admin
    await admin.close()


@pytest.fixture
async def storage(server: LocalStack, nc: Client) -> AsyncIterator[Client]:
    client = await connect(server, "storage")
    yield client
    await client.close()


@pytest.fixture
async def ingest(server: LocalStack, nc: Client) -> AsyncIterator[Publisher]:
    client = await connect(server, "ingest")
    yield Publisher(client, "ingest")
    await client.close()


class Seen:
    """A handler that remembers, and does what it is told."""

    def __init__(self, then: Callable[[Received], Any] | None = None) -> None:
        self.batches: list[list[str]] = []
        self._then = then
        self._news = asyncio.Event()

    async def __call__(self, received: Received) -> Sequence[Sequence[Any]]:
        self.batches.append([one.event.message for one in received])
        self._news.set()
        if self._then is not None:
            answer = self._then(received)
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer is not None:
                return answer  # type: ignore[no-any-return]
        return [()] * len(received)

    def count(self, message: str) -> int:
        return sum(batch.count(message) for batch in self.batches)

    async def until(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), 0.2)


async def info(nc: Client) -> Any:
    return await nc.jetstream().consumer_info(STREAM, STORAGE_RECORD.name)


async def settled(nc: Client) -> None:
    async with asyncio.timeout(10):
        while (known := await info(nc)).num_pending or known.num_ack_pending:
            await asyncio.sleep(0.05)


async def dead_letters(nc: Client) -> list[Any]:
    manager = nc.jetstream()
    state = (await manager.stream_info(DEAD_LETTERS)).state
    return [
        await manager.get_msg(DEAD_LETTERS, n) for n in range(state.first_seq, state.last_seq + 1) if state.messages
    ]


async def test_an_event_is_stored_once_however_often_it_is_published(ingest: Publisher, nc: Client) -> None:
    event = submission()
    first = await ingest.publish(event, "attempt-1")
    again = await ingest.publish(event, "attempt-1")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.sequence == first.sequence
    with pytest.raises(SubjectTaken):
        await ingest.publish(event, "attempt-2")
    assert (await nc.jetstream().stream_info(STREAM)).state.messages == 1


async def test_what_was_published_can_be_read_back_by_its_subject(ingest: Publisher, nc: Client) -> None:
    event = submission()
    await ingest.publish(event, "attempt")
    stored = await History(nc).read(event.subject)
    assert stored is not None
    assert stored.event == event
    assert stored.identity == event_id(event.subject, "attempt")
    assert await History(nc).submission(token_hex(16)) is None


async def test_a_backlog_is_handled_in_batches_and_acknowledged(ingest: Publisher, storage: Client, nc: Client) -> None:
    await ingest.publish_all([(submission(str(n)), "attempt") for n in range(300)])
    seen = Seen()
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, seen, batch=100):
        await seen.until(lambda: sum(map(len, seen.batches)) == 300)
        await settled(nc)
    assert max(map(len, seen.batches)) > 1
    assert sorted(int(message) for batch in seen.batches for message in batch) == list(range(300))


async def test_answers_are_published_before_the_acknowledgement_and_only_once(
    ingest: Publisher, storage: Client, nc: Client
) -> None:
    event, failures = submission(), iter([True, False])

    def answer(received: Received) -> list[list[Any]]:
        return [[SubmissionStored(submission_id=one.event.submission_id, attachments=0)] for one in received]

    class BrokenAfterwards(Publisher):
        async def publish(self, event: Any, cause: str) -> Any:
            published = await super().publish(event, cause)
            if next(failures, False):
                raise RuntimeError("the process dies between the publish and the acknowledgement")
            return published

    await ingest.publish(event, "attempt")
    seen = Seen(answer)
    async with consuming(storage, BrokenAfterwards(storage, "storage"), STORAGE_RECORD, seen):
        await seen.until(lambda: len(seen.batches) == 2)
        await settled(nc)
    assert (await nc.jetstream().stream_info(STREAM, subjects_filter="submission.stored.>")).state.subjects == {
        f"submission.stored.{event.submission_id}": 1
    }


async def test_one_poison_message_does_not_take_its_batch_along(ingest: Publisher, storage: Client, nc: Client) -> None:
    def poison(received: Received) -> None:
        if any(one.event.message == "poison" for one in received):
            raise ValueError("boom")

    await ingest.publish_all([(submission(message), "attempt") for message in ("a", "b", "poison", "c", "d")])
    seen = Seen(poison)
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, seen, batch=100):
        await seen.until(lambda: seen.count("poison") >= consume.RETRIES + 2)
        await settled(nc)
    alone = [batch for batch in seen.batches if batch == ["poison"]]
    assert len(alone) == consume.RETRIES + 1
    letters = await dead_letters(nc)
    assert len(letters) == 1
    assert letters[0].headers["Letterbox-Reason"] == "ValueError: boom"
    assert json.loads(letters[0].data)["message"] == "poison"
    assert letters[0].subject.startswith("dead.storage-record.submission.created.")


async def test_what_is_no_event_becomes_a_dead_letter_at_once(storage: Client, server: LocalStack, nc: Client) -> None:
    forger = await connect(server, "ingest")
    identity = token_hex(16)
    await forger.publish(f"submission.created.{identity}", b"not json")
    forged = {"ce-id": "1", "ce-type": "submission.created"}
    await forger.publish(f"submission.created.{token_hex(16)}", submission().model_dump_json().encode(), headers=forged)
    await forger.flush()
    seen = Seen()
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, seen, batch=10):
        async with asyncio.timeout(10):
            while len(await dead_letters(nc)) < 2:
                await asyncio.sleep(0.05)
    assert seen.batches == []
    await forger.close()


async def test_a_dependency_that_is_away_costs_a_message_none_of_its_tries(
    ingest: Publisher, storage: Client, nc: Client
) -> None:
    attempts = iter(range(100))

    def away(_: Received) -> None:
        if next(attempts) < consume.RETRIES + 3:
            raise Transient("postgres")

    deliveries: list[int] = []

    def remember(received: Received) -> None:
        deliveries.extend(one.deliveries for one in received)
        away(received)

    await ingest.publish_all([(submission(str(n)), "attempt") for n in range(20)])
    seen = Seen(remember)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("libs.events.gate.FIRST_PAUSE_SECONDS", 0.02)
        patch.setattr("libs.events.gate.LONGEST_PAUSE_SECONDS", 0.05)
        async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, seen, batch=10):
            await seen.until(lambda: next(attempts) >= consume.RETRIES + 5)
            await settled(nc)
    assert set(deliveries) == {1}
    assert await dead_letters(nc) == []


async def test_long_work_keeps_its_delivery(ingest: Publisher, storage: Client, nc: Client) -> None:
    durable = Durable("storage-record", (SubmissionCreated,), ack_wait=1.0)
    await nc.jetstream().add_consumer(STREAM, consumer_config(durable))
    await ingest.publish(submission("long"), "attempt")

    async def long(_: Received) -> None:
        await asyncio.sleep(3)

    seen = Seen(long)
    async with consuming(storage, Publisher(storage, "storage"), durable, seen):
        await seen.until(lambda: seen.count("long") == 1)
        await settled(nc)
    assert seen.count("long") == 1


async def test_what_was_not_begun_is_given_back_when_the_service_stops(
    ingest: Publisher, storage: Client, nc: Client
) -> None:
    await ingest.publish_all([(submission(str(n)), "attempt") for n in range(50)])
    begun = asyncio.Event()

    async def slow(_: Received) -> None:
        begun.set()
        await asyncio.sleep(0.5)

    first, second = Seen(slow), Seen()
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, first, batch=10):
        await begun.wait()
    handled = sum(map(len, first.batches))
    assert handled < 50
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, second, batch=10):
        await second.until(lambda: sum(map(len, second.batches)) >= 50 - handled)
        await settled(nc)
    assert {m for batch in first.batches + second.batches for m in batch} == {str(n) for n in range(50)}
    assert sum(map(len, first.batches + second.batches)) == 50


async def test_a_redriven_message_reaches_its_durable_alone(ingest: Publisher, storage: Client, nc: Client) -> None:
    event = submission("again")
    await ingest.publish(event, "attempt")
    seen = Seen()
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, seen):
        await seen.until(lambda: seen.count("again") == 1)
        original = await nc.jetstream().get_msg(STREAM, 1)
        headers = {**original.headers, "Nats-Msg-Id": "redrive-1"}
        headers.pop("Nats-Expected-Last-Subject-Sequence")
        await nc.jetstream().publish(f"redrive.storage-record.{event.subject}", original.data, headers=headers)
        await seen.until(lambda: seen.count("again") == 2)
        await settled(nc)


async def test_nothing_is_lost_or_stuck_when_the_server_is_killed(
    server: LocalStack, storage: Client, nc: Client
) -> None:
    ingest = await connect(server, "ingest")
    publisher, seen, accepted = Publisher(ingest, "ingest"), Seen(), []
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, seen, batch=20):
        for n in range(200):
            if n == 100:
                await server.kill("nats")
                with pytest.raises((NotPublished, OutcomeUnknown)):
                    await publisher.publish(submission("refused"), "attempt")
                await server.start("nats")
                async with asyncio.timeout(10):
                    while not ingest.is_connected:
                        await asyncio.sleep(0.05)
            await publisher.publish(submission(str(n)), "attempt")
            accepted.append(str(n))
        await seen.until(lambda: {m for batch in seen.batches for m in batch} >= set(accepted))
    await ingest.close()


async def test_a_handler_of_single_events_fits_the_loop(storage: Client, nc: Client, ingest: Publisher) -> None:
    handled: list[str] = []

    async def one(event: SubmissionCreated) -> list[DocumentStored]:
        handled.append(event.message)
        return []

    await ingest.publish_all([(submission(str(n)), "attempt") for n in range(10)])
    async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, each(one), workers=3):
        await settled(nc)
    assert sorted(handled) == sorted(str(n) for n in range(10))


@pytest.mark.parametrize(("others_publish", "handled"), [(True, ["1", "2"]), (False, ["1", "2", "3"])])
async def test_a_replay_rests_while_others_publish_and_only_then(
    others_publish: bool,
    handled: list[str],
    storage: Client,
    nc: Client,
    ingest: Publisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rested = asyncio.Event()

    class ForEver(traffic.Traffic):
        """Rests for an hour where it would rest for a moment."""

        def rest_after(self, worked: float) -> float:
            rest = super().rest_after(worked)
            if rest:
                rested.set()
            return 3600.0 if rest else 0.0

    async def publish(received: Received) -> None:
        if others_publish and received[0].event.message == "1":
            await ingest.publish(submission("live"), "attempt")

    monkeypatch.setattr(consume, "Traffic", ForEver)
    monkeypatch.setattr(traffic, "BUSY_PER_SECOND", 0)
    monkeypatch.setattr(traffic, "LOOK_SECONDS", 0.0)
    for n in (1, 2, 3):
        await ingest.publish(submission(str(n)), "attempt")
    replays, seen, name = Replays(nc), Seen(publish), f"replay-{STORAGE_RECORD.name}"
    await replays.begin(name, STORAGE_RECORD.filters, until=3)
    async with following(storage, Publisher(storage, "storage"), STORAGE_RECORD, lambda _: seen, name):
        if others_publish:
            await asyncio.wait_for(rested.wait(), 20)
        await seen.until(lambda: len(seen.batches) >= len(handled))
        live = Seen()
        async with consuming(storage, Publisher(storage, "storage"), STORAGE_RECORD, live):
            await live.until(lambda: len(live.batches) == 3 + others_publish)
    assert [message for batch in seen.batches for message in batch] == handled
    assert rested.is_set() == others_publish
    await replays.end(name)
