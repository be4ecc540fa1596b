"""`POST /contact`, JSON, 64 clients, accepted per second: against one acknowledged publish, and during a replay."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats

from bench.backlog import fill
from bench.measure import RATES_OFF, ROUNDS, Row, free_port, output_of, process, stack_for, until
from letterbox.local.stack import LocalStack
from libs.events.replay import FOR_EVER, REINDEX, WATCH_SECONDS, Replays
from libs.events.streams import INDEXER_REBUILD
from libs.index.generations import TantivyGenerations
from services.indexer.indexes import BUILDING, GENERATION, PHASE

CLIENTS = 64
REQUESTS = 6400
REPLAYED = 60_000


async def run(*, quick: bool) -> list[Row]:
    """Two rows."""
    return [await _against_a_publish(quick=quick), await _during_a_replay(quick=quick)]


async def _against_a_publish(*, quick: bool) -> Row:
    requests = str(REQUESTS // 8 if quick else REQUESTS)
    ours: list[float] = []
    baseline: list[float] = []
    async with stack_for(("nats", "object-store", "ingest"), {"ingest": RATES_OFF}) as stack:
        port = str(free_port())
        other = [stack.address("nats"), "ingest", stack.secret("nats-ingest"), port]
        async with process("bench.baseline_accept", *other) as child:
            assert child.stdout is not None
            await child.stdout.readline()
            ours_port = str(stack.ports["ingest"])
            for target in (port, ours_port):  # both warm
                await output_of("bench.load", "127.0.0.1", target, "/contact", str(CLIENTS), str(CLIENTS * 5))
            for _ in range(1 if quick else ROUNDS):
                for target, rates in ((port, baseline), (ours_port, ours)):
                    load = await output_of("bench.load", "127.0.0.1", target, "/contact", str(CLIENTS), requests)
                    rates.append(float(load))
    return Row.at_least("accept: POST /contact, JSON, 64 clients", ours, baseline, 0.7, "/s")


async def _during_a_replay(*, quick: bool) -> Row:
    """The next index is filled with the whole stream meanwhile; indexer idles in the baseline."""
    requests, count = (REQUESTS // 8, REPLAYED // 4) if quick else (REQUESTS, REPLAYED)
    ours: list[float] = []
    baseline: list[float] = []
    async with stack_for(("nats", "object-store", "ingest", "indexer"), {"ingest": RATES_OFF}) as stack:
        await fill(stack, count)
        port = str(stack.ports["ingest"])
        await output_of("bench.load", "127.0.0.1", port, "/contact", str(CLIENTS), str(CLIENTS * 5))
        for _ in range(1 if quick else ROUNDS):
            baseline.append(
                float(await output_of("bench.load", "127.0.0.1", port, "/contact", str(CLIENTS), str(requests)))
            )
            async with _replaying(stack):
                ours.append(
                    float(await output_of("bench.load", "127.0.0.1", port, "/contact", str(CLIENTS), str(requests)))
                )
    return Row.at_least("accept during a full replay, against without", ours, baseline, 0.6, "/s")


@asynccontextmanager
async def _replaying(stack: LocalStack) -> AsyncIterator[None]:
    """A replay of everything into the next index, which has to last longer than what is done meanwhile."""
    nc = await nats.connect(
        stack.address("nats"), user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
    )
    replays = Replays(nc)
    metadata = {PHASE: BUILDING, GENERATION: await TantivyGenerations(stack.home.path / "index").new()}
    first = await replays.begin(REINDEX, INDEXER_REBUILD.filters, until=FOR_EVER, metadata=metadata)

    async def begun() -> bool:
        return (await replays.progress(REINDEX)).left < first.left

    await until(begun, 60, 0.01)
    yield
    if not (await replays.progress(REINDEX)).left:
        raise RuntimeError("the replay was over before the load was")
    await replays.end(REINDEX)
    await nc.close()
    await asyncio.sleep(3 * WATCH_SECONDS)  # until indexer has let go of it
