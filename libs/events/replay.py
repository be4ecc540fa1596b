"""Replay: a service's own handlers run again over a slice of the stream, beside live traffic.

The operator creates a temporary consumer with a fixed name beside a durable, `replay-<durable>`; the running service
sees it within WATCH_SECONDS and works it off with the same handler, one worker, so that live traffic goes first. The
server keeps the position: a replay that was interrupted goes on. Its metadata says up to which sequence it goes, and
whether it may have effects (publish events, send mails).
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.errors import Error
from nats.js import api
from nats.js.errors import NotFoundError

from libs.events.consume import Consumer, Handler, consuming
from libs.events.erasure_guard import Undo
from libs.events.errors import Transient
from libs.events.publish import Publisher
from libs.events.streams import STREAM, Durable, Slice

log = logging.getLogger(__name__)

WATCH_SECONDS = 2.0
PREFIX = "replay-"
REINDEX = "reindex-indexer-index"
"""The temporary consumer that fills the next index, or marks from where on the kept one is behind."""
METADATA = "letterbox-"
UNTIL, EFFECTS = f"{METADATA}until", f"{METADATA}effects"
FOR_EVER = 1 << 62
IN_HAND = 1000

HandlerFor = Callable[[bool], Handler]
"""The handler to use: live (True: effects are allowed) or in a replay without effects (False)."""


@asynccontextmanager
async def consuming_and_replaying(
    nc: Client,
    publisher: Publisher,
    durable: Durable,
    handler_for: HandlerFor,
    *,
    workers: int = 1,
    batch: int = 1,
    undo: Undo | None = None,
) -> AsyncIterator[None]:
    """Run the durable's consumer, and whatever replay of it the operator asks for."""
    live = consuming(nc, publisher, durable, handler_for(True), workers=workers, batch=batch, undo=undo)
    async with live, following(nc, publisher, durable, handler_for, PREFIX + durable.name, batch=batch, undo=undo):
        yield


@asynccontextmanager
async def following(
    nc: Client,
    publisher: Publisher,
    durable: Durable,
    handler_for: HandlerFor,
    consumer: str,
    *,
    workers: int = 1,
    batch: int = 1,
    undo: Undo | None = None,
    watch: Callable[[dict[str, str] | None], Awaitable[bool]] | None = None,
) -> AsyncIterator[None]:
    """Work off the temporary consumer `consumer` while there is one.

    `watch` is awaited with its metadata (None when it is gone) before anything else is done, and whenever it changes;
    if it answers False the consumer is left alone; if it raises Transient it is asked again.
    """

    async def follow() -> None:
        seen: dict[str, str] | None = None
        async with AsyncExitStack() as running:
            while True:
                found = await _metadata(nc, consumer)
                if found != seen:
                    await running.aclose()
                    try:
                        wanted = watch is None or await watch(found)
                    except Transient as error:
                        log.warning("not followed yet", extra={"durable": consumer, "error": str(error)})
                        await asyncio.sleep(WATCH_SECONDS)
                        continue
                    seen = found
                    if found is not None and wanted:
                        slice_ = Slice(consumer, int(found.get(UNTIL, 0)), found.get(EFFECTS) == "true")
                        replay = Consumer(
                            nc, publisher, durable, handler_for(slice_.effects),
                            workers=workers, batch=batch, undo=undo, slice_=slice_,
                        )  # fmt: skip
                        await replay.start()
                        running.push_async_callback(replay.stop)
                await asyncio.sleep(WATCH_SECONDS)

    task = asyncio.create_task(follow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _metadata(nc: Client, consumer: str) -> dict[str, str] | None:
    """The temporary consumer's metadata, None when there is no such; an unanswered look keeps looking."""
    while True:
        try:
            answer = json.loads((await nc.request(f"$JS.API.CONSUMER.INFO.{STREAM}.{consumer}", timeout=2)).data)
        except (Error, ConnectionError):
            await asyncio.sleep(WATCH_SECONDS)
            continue
        if "config" not in answer:
            return None
        ours = answer["config"].get("metadata") or {}
        return {key: value for key, value in ours.items() if key.startswith(METADATA)}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a temporary consumer is."""

    left: int
    """Messages not handled yet, beyond the slice included."""
    position: int
    """Sequence up to which everything was handed out."""
    in_hand: int
    floor: int
    """Sequence up to which everything was handled."""
    waiting: int
    """Pulls that the service has open: it is there."""
    metadata: dict[str, str]


class Replays:
    """The operator's side: temporary consumers beside durables. Raises Transient when NATS does not answer."""

    def __init__(self, nc: Client) -> None:
        self._js = nc.jetstream(timeout=10)

    async def begin(
        self,
        consumer: str,
        subjects: Sequence[str],
        *,
        since: int = 1,
        until: int,
        effects: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> Progress:
        """Create the temporary consumer, or go on with one that is there; names in `metadata` begin with METADATA."""
        try:
            return await self.progress(consumer)
        except NotFoundError:
            config = api.ConsumerConfig(
                durable_name=consumer,
                deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=max(1, since),
                ack_policy=api.AckPolicy.EXPLICIT,
                ack_wait=30.0,
                max_deliver=20,
                max_ack_pending=IN_HAND,
                filter_subjects=list(subjects),
                metadata={UNTIL: str(until), EFFECTS: str(effects).lower(), **(metadata or {})},
            )
            await self._asked(self._js.add_consumer(STREAM, config))
            return await self.progress(consumer)

    async def progress(self, consumer: str) -> Progress:
        """Raises NotFoundError when there is no such consumer."""
        info = await self._asked(self._js.consumer_info(STREAM, consumer))
        pending, in_hand = info.num_pending or 0, info.num_ack_pending or 0
        return Progress(
            left=pending + in_hand,
            position=info.delivered.stream_seq if info.delivered else 0,
            in_hand=in_hand,
            floor=info.ack_floor.stream_seq if info.ack_floor else 0,
            waiting=info.num_waiting or 0,
            metadata={k: v for k, v in (info.config.metadata or {}).items() if k.startswith(METADATA)},
        )

    async def change(self, consumer: str, metadata: Mapping[str, str]) -> None:
        """Change its metadata; the service sees it within WATCH_SECONDS."""
        info = await self._asked(self._js.consumer_info(STREAM, consumer))
        kept = {k: v for k, v in (info.config.metadata or {}).items() if k.startswith(METADATA)}
        info.config.metadata = {**kept, **metadata}
        await self._asked(self._js.add_consumer(STREAM, info.config))

    async def end(self, consumer: str) -> None:
        """Remove it; the service stops within WATCH_SECONDS."""
        await self._asked(self._js.delete_consumer(STREAM, consumer))

    @staticmethod
    async def _asked(asking: Any) -> Any:
        try:
            return await asking
        except NotFoundError:
            raise
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None


def narrowed(durable: Durable, *, subject: str = "", submission_id: str = "") -> list[str]:
    """The subjects of a durable, a replay's own included, as far as they lie within `subject` or a submission."""
    kinds = [event.type for event in (*durable.events, *durable.replayed)]
    if submission_id:
        return [f"{kind}.{submission_id}{rest}" for kind in kinds for rest in ("", ".>")]
    if not subject:
        return [f"{kind}.>" for kind in kinds]
    wanted = subject.split(".")
    found = []
    for kind in kinds:
        common = _both(wanted, [*kind.split("."), ">"])
        if common is not None:
            found.append(common)
    return found


def _both(one: list[str], other: list[str]) -> str | None:
    """The pattern of what two subject patterns both match; None when nothing does."""
    common: list[str] = []
    for position in range(max(len(one), len(other))):
        first, second = (tokens[min(position, len(tokens) - 1)] for tokens in (one, other))
        if any(position >= len(tokens) and tokens[-1] != ">" for tokens in (one, other)):
            return None
        if first == ">" and second == ">":
            return ".".join([*common, ">"])
        if second == ">" or first == second:
            common.append(first)
        elif first in (">", "*"):
            common.append(second)
        elif second == "*":
            common.append(first)
        else:
            return None
    return ".".join(common)
