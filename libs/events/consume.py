"""The consumer loop around every handler.

It pulls from one durable, hands deliveries over (alone or in batches), publishes what the handler answers and only
then acknowledges. Long work keeps its deliveries with in-progress. A dependency that is away closes the gate (gate.py)
and never costs a message its tries. An unexpected exception is tried again RETRIES times with growing pauses, then the
message becomes a dead letter; a batch that fails is tried message by message, and a message delivered more than twice
runs alone, so one poison message cannot take its batch along.

Of an erased submission nothing is handled any more: the loop looks for the tombstone before a handler and after its
effects, which it then undoes (erasure_guard.py).
"""

import asyncio
import contextlib
import json
import logging
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from libs.events import metrics
from libs.events.backlog import BacklogWatch
from libs.events.catalogue import Event, SubmissionErased
from libs.events.dead_letters import bury
from libs.events.delivery import Answers, Delivery, Received
from libs.events.envelope import open_envelope
from libs.events.erasure_guard import ErasureGuard, Undo
from libs.events.erasures import Erasures
from libs.events.errors import InvalidEvent, Transient
from libs.events.gate import Gate
from libs.events.history import History
from libs.events.publish import Publisher
from libs.events.pull import Puller
from libs.events.streams import Durable, Slice
from libs.events.tracing import Attempt, keep_failure
from libs.events.traffic import Traffic
from libs.service.failpoints import AFTER_EFFECT, BEFORE_ACK, POISON, failpoint
from libs.service.tracing import at_hand

log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)
Handler = Callable[[Sequence[Received[Any]]], Awaitable[Answers]]
"""From deliveries to the events each of them causes, in the same order."""

RETRY_PAUSES_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
RETRIES = len(RETRY_PAUSES_SECONDS)
ALONE_AFTER = 2
"""A message delivered more often than this is handled by itself."""
PULL_AGAIN_SECONDS = 1.0
DRAIN_SECONDS = 8.0


def each(handler: Callable[[E], Awaitable[Sequence[Event]]]) -> Handler:
    """Make a handler of one event (see style.md) fit the loop; use it with `batch=1`."""

    async def handle(received: Sequence[Received[E]]) -> Answers:
        return [await handler(one.event) for one in received]

    return handle


@asynccontextmanager
async def consuming(
    nc: Client,
    publisher: Publisher,
    durable: Durable,
    handler: Handler,
    *,
    workers: int = 1,
    batch: int = 1,
    undo: Undo | None = None,
) -> AsyncIterator["Consumer"]:
    """Run a consumer: `workers` handlers at once, each given up to `batch` deliveries.

    With `undo`, nothing is handled for an erased submission, and what was made of it meanwhile is erased again.
    On leaving it stops pulling, lets what was begun finish for DRAIN_SECONDS, and gives the rest back to the durable.
    """
    consumer = Consumer(nc, publisher, durable, handler, workers=workers, batch=batch, undo=undo)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


class Consumer:
    """One durable, its handler, and the deliveries in hand."""

    def __init__(
        self,
        nc: Client,
        publisher: Publisher,
        durable: Durable,
        handler: Handler,
        *,
        workers: int,
        batch: int,
        undo: Undo | None = None,
        slice_: Slice | None = None,
    ) -> None:
        self._nc = nc
        self._publisher = publisher
        self._durable = durable
        self._name = durable.name if slice_ is None else slice_.consumer
        self._slice = slice_
        self._traffic = None if slice_ is None else Traffic()
        self._known = durable.events if slice_ is None else (*durable.events, *durable.replayed)
        self._handler = handler
        self._guard = ErasureGuard(Erasures(History(nc)), undo)
        self._batch = batch
        self._capacity = workers * batch * (2 if batch > 1 else 1)
        self._workers = workers
        self._puller = Puller(nc, self._name, self._arrived)
        self._gate = Gate(self._name)
        self._metrics = metrics.ConsumerMetrics(self._name)
        metrics.DEAD_LETTERS.labels(durable.name)  # there, and 0, before the first
        self._in_hand: dict[int, Delivery] = {}
        in_hand = self._in_hand.values()
        self._backlog = BacklogWatch(nc, self._name, durable.ack_wait, lambda: [each.nanoseconds for each in in_hand])
        self._waiting: deque[Delivery] = deque()
        self._arrival = asyncio.Event()
        self._room = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    async def start(self) -> None:
        """Begin to pull and to work."""
        await self._puller.start()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        self._pulling = asyncio.create_task(self._pull())
        self._keeping = asyncio.create_task(self._keep())
        for task in (*self._tasks, self._pulling, self._keeping):
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Drain: nothing new is begun, what was begun may finish, the rest is given back."""
        self._stopping = True
        self._pulling.cancel()
        while self._waiting:
            await self._give_back(self._waiting.popleft(), 0.1)
        self._arrival.set()
        _, unfinished = await asyncio.wait(self._tasks, timeout=DRAIN_SECONDS)
        for task in unfinished:
            task.cancel()
        self._keeping.cancel()
        await asyncio.gather(*self._tasks, self._pulling, self._keeping, return_exceptions=True)
        self._backlog.close()
        for delivery in list(self._in_hand.values()):
            await self._give_back(delivery, 0.1)
        with contextlib.suppress(Error, ConnectionError):
            await self._puller.stop()
            await self._nc.flush(timeout=1)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("the consumer itself failed; ending the service", exc_info=error)
            signal.raise_signal(signal.SIGTERM)

    async def _pull(self) -> None:
        least = max(1, self._batch // 2)
        while not self._stopping:
            await self._gate.passed()
            room = self._capacity - len(self._in_hand)
            if room < least:
                self._room.clear()
                await self._room.wait()
                continue
            try:
                await self._puller.pull(room)
            except Transient as error:
                log.warning("cannot pull", extra={"durable": self._name, "error": str(error)})
                await asyncio.sleep(PULL_AGAIN_SECONDS)

    def _arrived(self, message: Msg) -> None:
        delivery = Delivery(message)
        if delivery.deliveries > 1:
            self._metrics.redeliveries.inc()
        if self._traffic is not None:
            self._traffic.delivered(delivery.left, delivery.deliveries)
        held = self._in_hand.get(delivery.sequence)
        if held is not None:
            held.take(message)
            return
        self._in_hand[delivery.sequence] = delivery
        self._waiting.append(delivery)
        self._arrival.set()

    async def _work(self) -> None:
        while not self._stopping:
            group = self._take()
            if not group:
                self._arrival.clear()
                await self._arrival.wait()
                continue
            valid = []
            for delivery in group:
                if not self._opened(delivery):
                    await self._bury(delivery, "invalid event")
                elif self._concerns(delivery):
                    valid.append(delivery)
                else:
                    await self._settle(delivery, b"+ACK", "skipped")
            if valid:
                began = time.monotonic()
                await self._finish(valid)
                if self._traffic is not None:
                    await asyncio.sleep(self._traffic.rest_after(time.monotonic() - began))

    def _take(self) -> list[Delivery]:
        group: list[Delivery] = []
        while self._waiting and len(group) < self._batch:
            if group and self._waiting[0].deliveries > ALONE_AFTER:
                break
            group.append(self._waiting.popleft())
            if group[0].deliveries > ALONE_AFTER:
                break
        return group

    def _opened(self, delivery: Delivery) -> bool:
        message = delivery.message
        try:
            event, identity = open_envelope(message.subject, message.headers, message.data)
        except InvalidEvent as error:
            keep_failure(self._name, delivery, "InvalidEvent")
            with at_hand(delivery.traceparent):
                log.error("invalid event", extra={"durable": self._name, "error": str(error)})
            return False
        if not isinstance(event, (*self._known, SubmissionErased)):
            return False
        delivery.describe(event, identity)
        return True

    def _concerns(self, delivery: Delivery) -> bool:
        """Whether this consumer handles it: a tombstone arrives on a subject that is not its own."""
        received = delivery.received
        beyond = self._slice is not None and self._slice.until < delivery.sequence
        return received is not None and isinstance(received.event, self._known) and not beyond

    async def _finish(self, group: list[Delivery]) -> None:
        """Try until the group is settled, one way or another."""
        probing = False
        try:
            while True:
                if not probing:
                    await self._gate.passed()
                try:
                    await self._attempt(group)
                    break
                except Transient as error:
                    self._gate.count(error)
                    probing = probing or self._gate.close(error)
                    if probing:
                        await self._gate.before_next_probe()
                except Exception as error:  # noqa: BLE001 - the loop is the edge where a handler's bug must not end the service
                    if probing:
                        self._gate.open()
                        probing = False
                    self._metrics.handler_failures.inc()
                    if len(group) == 1:
                        await self._failed(group[0], error)
                        break
                    for delivery in group:
                        await self._finish([delivery])
                    break
        finally:
            if probing:
                self._gate.open()

    async def _attempt(self, group: list[Delivery]) -> None:
        newest = await self._guard.newest()
        erased = await self._guard.erased(group, newest)
        for delivery in erased:
            await self._settle(delivery, b"+ACK", "erased")
        group = [delivery for delivery in group if delivery not in erased]
        if not group:
            return
        for delivery in group:
            failpoint(POISON, delivery.message.data)
        received = [delivery.received for delivery in group if delivery.received is not None]
        self._metrics.batch_size.observe(len(group))
        spans = Attempt(self._name, group)
        began, failure = time.perf_counter(), None
        try:
            with at_hand(spans.around):
                answers = await self._handler(received)
            failpoint(AFTER_EFFECT)
            answers = await self._guard.undone([one.event for one in received], answers, newest)
            if self._slice is None or self._slice.effects:
                await self._emit(group, spans, answers)
        except BaseException as error:
            failure = error
            raise
        finally:
            spans.end(failure)
            seconds = time.perf_counter() - began
            self._metrics.handler_seconds.observe(seconds)
        failpoint(BEFORE_ACK)
        self._metrics.age_seconds.observe(max(0.0, time.time() - min(each.nanoseconds for each in group) / 1e9))
        for delivery in group:
            await self._settle(delivery, b"+ACK", "handled")
        if self._batch > 1:  # of a single message its handler tells more
            names = {"durable": self._name, "count": len(group), "seconds": round(seconds, 4)}
            with at_hand(spans.around):
                log.info("batch handled", extra=names)

    async def _emit(self, group: list[Delivery], spans: Attempt, answers: Answers) -> None:
        sending: list[asyncio.Task[Any]] = []
        for position, (delivery, events) in enumerate(zip(group, answers, strict=True)):
            if not events or delivery.received is None:
                continue
            with at_hand(spans.of(position, delivery)):
                cause = delivery.received.identity
                sending += [asyncio.create_task(self._publisher.publish(event, cause)) for event in events]
        if not sending:
            return
        results = await asyncio.gather(*sending, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _failed(self, delivery: Delivery, error: Exception) -> None:
        names = {"durable": self._name, "sequence": delivery.sequence, "deliveries": delivery.deliveries}
        keep_failure(self._name, delivery, type(error).__name__)
        with at_hand(delivery.traceparent):
            log.error("handler failed", extra=names | {"error": type(error).__name__}, exc_info=error)
        if delivery.deliveries > RETRIES:
            await self._bury(delivery, f"{type(error).__name__}: {error}")
            return
        await self._give_back(delivery, RETRY_PAUSES_SECONDS[delivery.deliveries - 1])

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        try:
            await bury(self._nc, self._durable.name, delivery.message, reason)
        except Transient as error:
            log.warning("cannot keep a dead letter now", extra={"durable": self._name, "error": str(error)})
            await self._give_back(delivery, RETRY_PAUSES_SECONDS[-1])
            return
        self._settled(delivery, "dead letter")

    async def _give_back(self, delivery: Delivery, seconds: float) -> None:
        # A nak without a delay would be redelivered at once, whatever backoff the durable has (facts: measured).
        body = b"-NAK " + json.dumps({"delay": int(seconds * 1e9)}).encode()
        await self._settle(delivery, body, "given back")

    async def _settle(self, delivery: Delivery, body: bytes, outcome: str) -> None:
        with contextlib.suppress(
            Error, ConnectionError
        ):  # not connected: the server delivers it again, which is harmless
            await self._nc.publish(delivery.message.reply, body)
        self._settled(delivery, outcome)

    def _settled(self, delivery: Delivery, outcome: str) -> None:
        kind = delivery.received.event.type if delivery.received else "invalid"
        metrics.consumed(self._name, kind, outcome).inc()
        self._in_hand.pop(delivery.sequence, None)
        self._room.set()

    async def _keep(self) -> None:
        """Say in-progress for everything in hand, and look at what waits."""
        while True:
            for delivery in list(self._in_hand.values()):
                with contextlib.suppress(Error, ConnectionError):
                    await self._nc.publish(delivery.message.reply, b"+WPI")
            await self._backlog.look()
            await asyncio.sleep(self._backlog.ack_wait_seconds / 3)
