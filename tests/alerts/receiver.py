"""Who is told of alerts: an HTTP server that Alertmanager posts to."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Told:
    """One alert of one notification."""

    name: str
    status: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receiver: str
    at: float

    def is_about(self, name: str, status: str, labels: Mapping[str, str]) -> bool:
        return (self.name, self.status) == (name, status) and labels.items() <= self.labels.items()


@dataclass
class Receiver:
    """Keeps what it was told, in order."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    _news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        """A notification of Alertmanager's, as it posts them to webhooks."""
        body: dict[str, Any] = await request.json()
        async with self._news:
            for alert in body["alerts"]:
                labels = alert["labels"]
                one = Told(
                    labels["alertname"],
                    alert["status"],
                    labels,
                    alert["annotations"],
                    body["receiver"],
                    time.monotonic(),
                )
                self.told.append(one)
            self._news.notify_all()
        return web.Response()

    async def hears(self, name: str, status: str, labels: Mapping[str, str], since: float, patience: float) -> Told:
        """The first word about it after `since`. Raises TimeoutError when none comes."""
        async with asyncio.timeout(patience), self._news:
            while True:
                for one in self.told:
                    if one.at >= since and one.is_about(name, status, labels):
                        return one
                await self._news.wait()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver at a free port."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/", receiver.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield receiver
    finally:
        await runner.cleanup()
