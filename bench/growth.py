"""What 300,000 stored submissions cost: one accept, one submission through storage, NATS's memory and its restart."""

import time
from contextlib import AsyncExitStack

from bench.fill import fill_record
from bench.measure import RATES_OFF, ROUNDS, Row, output_of, resident_bytes, stack_for
from bench.storage import drained, migrated
from letterbox.local.stack import LocalStack

FEW, MANY = 1_000, 300_000
CLIENTS, REQUESTS = 64, 1920
MOST = 1.3
SERVERS = ("nats", "postgres", "object-store", "ingest")


async def run(*, quick: bool) -> list[Row]:
    """Two stacks side by side, one with few and one with many; each in turn."""
    many = MANY // 30 if quick else MANY
    accepts: dict[int, list[float]] = {FEW: [], many: []}
    stored: dict[int, list[float]] = {FEW: [], many: []}
    rows = []
    async with AsyncExitStack() as opened:
        stacks = {}
        for count in (FEW, many):
            stack = await opened.enter_async_context(stack_for(SERVERS, {"ingest": RATES_OFF}))
            await migrated(stack)
            await fill_record(stack, 0, count)
            stacks[count] = stack
        rows += await _nats(stacks[FEW], stacks[many], many)
        for stack in stacks.values():
            await _accepted(stack, CLIENTS)  # warm
            await drained(stack, CLIENTS)
            await stack.stop("storage")
        for _ in range(1 if quick else ROUNDS):
            for count, stack in stacks.items():
                accepts[count].append(await _accepted(stack, REQUESTS))
            for count, stack in stacks.items():
                stored[count].append(await drained(stack, REQUESTS))
                await stack.stop("storage")
    for what, rates in (("one accept", accepts), ("one submission through storage", stored)):
        cost = {count: [1e6 / rate for rate in some] for count, some in rates.items()}
        rows.append(Row.at_most(f"{what}, at {many:,} against {FEW:,} stored", cost[many], cost[FEW], MOST, "µs"))
    return rows


async def _accepted(stack: LocalStack, requests: int) -> float:
    port = str(stack.ports["ingest"])
    return float(await output_of("bench.load", "127.0.0.1", port, "/contact", str(CLIENTS), str(requests)))


async def _nats(few: LocalStack, many: LocalStack, count: int) -> list[Row]:
    """Memory and seconds of a restart, with its usual settings."""
    memory, seconds = [], []
    for stack in (few, many):
        await stack.stop("nats")
        began = time.perf_counter()
        await stack.start("nats")
        seconds.append(time.perf_counter() - began)
        identity = stack.running["nats"].identity
        assert identity is not None
        memory.append(resident_bytes(identity.pid) / (1 << 20))
    what = f"of NATS at {count:,} against {FEW:,} stored"
    return [
        Row.at_most(f"memory {what}", memory[1:], memory[:1], None, "MiB"),
        Row.at_most(f"restart {what}", seconds[1:], seconds[:1], None, "s"),
    ]
