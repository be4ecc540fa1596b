"""The stream behind the owner's decisions. Search answers without it: it is connected to as soon as it is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from libs.events.connect import Nats, connected
from libs.events.dead_letters import DeadLetters
from libs.events.history import History
from libs.events.publish import Publisher
from libs.service.http import Problem
from libs.service.settings import NatsSettings

RETRY_AFTER_SECONDS = 5


class Stream:
    """NATS, if it is there."""

    def __init__(self) -> None:
        self.nc: Nats | None = None

    @property
    def history(self) -> History:
        """Single events. Raises Problem 503 while NATS is away."""
        return History(self._there())

    @property
    def publisher(self) -> Publisher:
        """For decisions. Raises Problem 503 while NATS is away."""
        return Publisher(self._there(), "search")

    @property
    def dead_letters(self) -> DeadLetters:
        """The inbox. Raises Problem 503 while NATS is away."""
        return DeadLetters(self._there())

    def _there(self) -> Nats:
        if self.nc is None or not self.nc.is_connected:
            raise stream_is_away()
        return self.nc


def stream_is_away() -> Problem:
    """The answer while NATS does not answer."""
    return Problem(503, "This is not possible right now.", retry_after=RETRY_AFTER_SECONDS)


@asynccontextmanager
async def stream_when_there(settings: NatsSettings) -> AsyncIterator[Stream]:
    """A stream that is connected to in the background, for as long as that takes."""
    stream = Stream()
    async with AsyncExitStack() as stack:

        async def connect() -> None:
            stream.nc = await stack.enter_async_context(connected(settings))

        connecting = asyncio.create_task(connect())
        try:
            yield stream
        finally:
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
