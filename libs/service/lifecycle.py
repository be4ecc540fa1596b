"""Start and stop of a service.

A service is an async context manager: what it opens on the way in, it closes in reverse on the way out. SIGTERM and
SIGINT end it: it stops being ready, stops taking requests, drains its consumers, closes its connections; 10 s at most,
or as long as its setting says that open requests may go on.
"""

import asyncio
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import uvloop
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client import Gauge

from libs.service import logs, tracing
from libs.service.door import bound, shut
from libs.service.event_loop import watching_lag
from libs.service.health import Health
from libs.service.operations import operations_app
from libs.service.settings import ServiceSettings, load

log = logging.getLogger(__name__)

IN_PROGRESS = Gauge("http_requests_in_progress", "Requests that are being answered.")

S = TypeVar("S", bound=ServiceSettings)
Start = Callable[[S, Health], AbstractAsyncContextManager[None]]

GARBAGE_THRESHOLD = 10_000
"""New objects between two looks for cycles (Python's default: 700)."""
CUT_OFF_SECONDS = 0.5
"""What a request gets that was cut off, to end."""
BACKLOG = 1024
LOOK_SECONDS, QUIET_SHARE = 0.02, 1 / 30
"""A connection that was just taken has no request yet, and on a busy machine it may be long in coming: it is quiet when
no request was open for this share of the time that is given to drain.
"""
REQUESTS_END_SECONDS = 8.0
"""How long open requests may go on after SIGTERM, where no setting says otherwise."""


def run(name: str, settings: type[S], start: Start[S]) -> None:
    """Run the service `name` until a signal ends it; the whole of a service's `__main__`."""
    configured = load(settings)
    log_handler = logs.configure(name, configured.log_level)
    with tracing.tracing(name):
        uvloop.run(_serve(configured, start, log_handler))


async def _serve(settings: S, start: Start[S], log_handler: logging.Handler) -> None:
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
        work = asyncio.create_task(_work(settings, start, health, stop))
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


async def _work(settings: S, start: Start[S], health: Health, stop: asyncio.Event) -> None:
    async with start(settings, health):
        _settle_garbage_collector()
        health.started()
        log.info("started", extra={"ops_port": settings.ops_port})
        await stop.wait()
        health.stopping()
        log.info("stopping")
    log.info("stopped")


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
) -> AsyncIterator[int]:
    """Serve `app`, and give its port; on leaving, no new connection is taken and open requests may finish for
    `drain_seconds`.
    """
    open_requests = OpenRequests()
    app.middlewares.insert(0, open_requests.middleware)
    runner = web.AppRunner(
        app, access_log=None, handle_signals=False, shutdown_timeout=CUT_OFF_SECONDS, auto_decompress=False
    )
    await runner.setup()
    door = bound(host, port, BACKLOG)
    site = web.SockSite(runner, door, backlog=BACKLOG)
    try:
        await site.start()
        yield door.getsockname()[1]
    finally:
        waiting = shut(door)
        # Not left to the runner: from its first moment on it throws away what still arrives of a body.
        open_requests.last()
        await site.stop()
        for connection in waiting:
            await asyncio.get_running_loop().connect_accepted_socket(lambda: _protocol(runner), connection)
        await runner.shutdown()
        await open_requests.ended(drain_seconds)
        await runner.cleanup()


def _protocol(runner: web.AppRunner) -> asyncio.Protocol:
    assert runner.server is not None
    return runner.server()


class OpenRequests:
    """Counts the requests that are being answered."""

    def __init__(self) -> None:
        self._open = 0
        self._last = False
        IN_PROGRESS.set_function(lambda: self._open)

    @property
    def middleware(self) -> Middleware:
        """What counts them."""

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._open += 1
            try:
                response = await handler(request)
                if self._last and not response.prepared:
                    response.force_close()
                return response
            finally:
                self._open -= 1

        return counted

    def last(self) -> None:
        """From now on an answer is the last on its connection."""
        self._last = True

    async def ended(self, seconds: float) -> None:
        """Wait until none is open, but not longer than `seconds`."""
        began = busy = now = time.monotonic()
        while now - busy < seconds * QUIET_SHARE and now - began < seconds:
            await asyncio.sleep(LOOK_SECONDS)
            now = time.monotonic()
            if self._open:
                busy = now
        if self._open:
            log.warning("requests cut off", extra={"count": self._open})
