"""Start and stop of a service.

A service is an async context manager: what it opens on the way in, it closes in reverse on the way out. SIGTERM and
SIGINT end it: it stops being ready, stops taking requests, drains its consumers, closes its connections; 10 s at most,
or as long as its setting says that open requests may go on.
"""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import uvloop
from aiohttp import web

from libs.service import logs, tracing
from libs.service.event_loop import watching_lag
from libs.service.health import Health
from libs.service.operations import operations_app
from libs.service.settings import ServiceSettings, load

log = logging.getLogger(__name__)

S = TypeVar("S", bound=ServiceSettings)
Start = Callable[[S, Health], AbstractAsyncContextManager[None]]

GARBAGE_THRESHOLD = 10_000
"""New objects between two looks for cycles (Python's default: 700)."""
REQUESTS_END_SECONDS = 8.0
"""How long open requests may go on after SIGTERM, where no setting says otherwise."""


def run(name: str, settings: type[S], start: Start[S]) -> None:
    """Run the service `name` until a signal ends it; the whole of a service's `__main__`."""
    configured = load(settings)
    log_handler = logs.configure(name, configured.log_level)
    with tracing.tracing(name):
        uvloop.run(_serve(name, configured, start, log_handler))


async def _serve(name: str, settings: S, start: Start[S], log_handler: logging.Handler) -> None:
    health = Health()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with (
        logs.flushing(log_handler),
        watching_lag(),
        listening(operations_app(health), settings.host, settings.ops_port),
    ):
        work = asyncio.create_task(_work(name, settings, start, health, stop))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        health.stopping()
        if not health.has_started:  # still waiting for a dependency: nothing to drain
            work.cancel()
        stopped.cancel()
        try:
            await work
        except asyncio.CancelledError:
            log.info("stopped before it had started")


async def _work(name: str, settings: S, start: Start[S], health: Health, stop: asyncio.Event) -> None:
    async with start(settings, health):
        _settle_garbage_collector()
        health.started()
        log.info("started", extra={"ops_port": settings.ops_port})
        await stop.wait()
        health.stopping()
        log.info("stopping")
    log.info("stopped", extra={"name_of_service": name})


def _settle_garbage_collector() -> None:
    """Leave what was made at start alone, and look for cycles less often: full collections of a service's many
    long-lived objects (clients, models) would cost every request some of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD)


@asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, drain_seconds: float = REQUESTS_END_SECONDS
) -> AsyncIterator[None]:
    """Serve `app`; on leaving, no new connection is taken and open requests may finish for `drain_seconds`."""
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=drain_seconds, auto_decompress=False
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        yield
    finally:
        await runner.cleanup()
