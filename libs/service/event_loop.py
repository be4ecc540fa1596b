"""How late the event loop runs: the first sign that something blocks it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Histogram

LAG = Histogram(
    "event_loop_lag_seconds",
    "How much later than asked a sleeping task woke up.",
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
EVERY_SECONDS = 0.5


@asynccontextmanager
async def watching_lag() -> AsyncIterator[None]:
    """Measure the loop's lag while inside."""
    task = asyncio.create_task(_watch())
    try:
        yield
    finally:
        task.cancel()


async def _watch() -> None:
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + EVERY_SECONDS
        await asyncio.sleep(EVERY_SECONDS)
        LAG.observe(max(0.0, loop.time() - due))
