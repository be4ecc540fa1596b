"""What metrics, logs and traces at their default sampling cost: the same stack with and without them, in one run.

Accepting alone, then the whole pipeline: from the first request until all is searchable and mailed. Rates swing on a
busy machine, so the processors' seconds of the five services are told, too.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from bench.backlog import handled
from bench.measure import RATES_OFF, ROUNDS, Row, output_of, stack_for
from letterbox.local.home import REPOSITORY
from letterbox.local.names import SERVICES
from letterbox.local.stack import LocalStack
from libs.events.streams import INDEXER_INDEX, NOTIFIER_MAIL

CLIENTS = 32
ACCEPTED = 3200
PIPELINE = 1600
SCRAPE_SECONDS = 10
IDLE_SECONDS = 10
WITHOUT = {
    "PYTHONPATH": f"{REPOSITORY / 'bench' / 'without_metrics'}{os.pathsep}{REPOSITORY}",
    "LETTERBOX_LOG_LEVEL": "ERROR",
}
PARTS = ("nats", "postgres", "object-store", "mail", *SERVICES)
TICKS = os.sysconf("SC_CLK_TCK")


async def run(*, quick: bool) -> list[Row]:
    """Four rows."""
    share = 2 if quick else 1
    accepted: tuple[list[float], list[float]] = ([], [])
    pipeline: tuple[list[float], list[float]] = ([], [])
    seconds: tuple[list[float], list[float]] = ([], [])
    async with collecting() as endpoint:
        with_it = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        for number in range(1 if quick else ROUNDS):
            for which, environment in ((0, with_it), (1, WITHOUT)) if number % 2 else ((1, WITHOUT), (0, with_it)):
                async with stack_for(PARTS, {"*": environment, "ingest": RATES_OFF}) as stack, scraped(stack):
                    await sent(stack, CLIENTS * 5)
                    await drained(stack)
                    accepted[which].append(await sent(stack, ACCEPTED // share))
                    await drained(stack)
                    idle = await idling(stack)
                    count, before, began = PIPELINE // share, used(stack), time.perf_counter()
                    await sent(stack, count)
                    await drained(stack)
                    took = time.perf_counter() - began
                    pipeline[which].append(count / took)
                    seconds[which].append((used(stack) - before - idle * took) / count * 1000)
    what = "metrics, logs and traces, against none"
    return [
        Row.at_least(f"accept with {what}", *accepted, 0.85, "/s"),
        Row.at_least(f"whole pipeline with {what}", *pipeline, 0.9, "/s"),
        Row.at_most(f"processors' time a submission with {what}", *seconds, None, "ms"),
    ]


async def sent(stack: LocalStack, count: int) -> float:
    """Submissions accepted per second."""
    port = str(stack.ports["ingest"])
    return float(await output_of("bench.load", "127.0.0.1", port, "/contact", str(CLIENTS), str(count)))


async def drained(stack: LocalStack) -> None:
    """Wait until all that was accepted is searchable and mailed."""
    for durable in (INDEXER_INDEX, NOTIFIER_MAIL):
        await handled(stack, durable.name, 300)


async def idling(stack: LocalStack) -> float:
    """Processor seconds a second that the services use with nothing to do: on a slow machine they would count more."""
    before = used(stack)
    await asyncio.sleep(IDLE_SECONDS)
    return (used(stack) - before) / IDLE_SECONDS


def used(stack: LocalStack) -> float:
    """Processor seconds that the services have used since they were started."""
    total = 0
    for name in SERVICES:
        process = stack.running[name].process
        assert process is not None
        fields = Path(f"/proc/{process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


@asynccontextmanager
async def scraped(stack: LocalStack) -> AsyncIterator[None]:
    """Ask for the metrics as Prometheus would; the baseline is asked, too, and has few to tell."""
    addresses = [stack.running[name].part.health.replace("/health/ready", "/metrics") for name in SERVICES]

    async def scrape() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                for address in addresses:
                    async with session.get(address, headers={"Accept": "application/openmetrics-text"}) as answer:
                        await answer.read()
                await asyncio.sleep(SCRAPE_SECONDS)

    task = asyncio.create_task(scrape())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def collecting() -> AsyncIterator[str]:
    """An address that takes spans and forgets them."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(content_type="application/x-protobuf")

    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
