"""Requests over one inbox for all of them, numbered: what the client's own `request` does, at less cost for each.

The client draws a random token and wraps the wait into a task's timer for every request, which together is a tenth of
what a service does for one publish. Nobody but the server may publish to a service's inbox, so numbers are enough.
"""

import asyncio
from itertools import count

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

NO_RESPONDERS = "503"


class Requests:
    """The requests of one connection."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc
        self._inbox = ""
        self._subscribing = asyncio.Lock()
        self._numbers = count(1)
        self._waiting: dict[str, asyncio.Future[Msg]] = {}

    async def request(self, subject: str, body: bytes, *, timeout: float, headers: dict[str, str]) -> Msg:
        """Send one message and wait `timeout` seconds for its answer; raises what the client's own `request` does."""
        if not self._inbox:
            await self._subscribe()
        loop = asyncio.get_running_loop()
        reply = f"{self._inbox}.{next(self._numbers)}"
        answer = self._waiting[reply] = loop.create_future()
        timer = loop.call_later(timeout, _too_late, answer)
        try:
            await self._nc.publish(subject, body, reply=reply, headers=headers)
            message: Msg = await answer
        finally:
            timer.cancel()
            del self._waiting[reply]
        if message.headers and message.headers.get("Status") == NO_RESPONDERS:
            raise NoRespondersError
        return message

    async def _subscribe(self) -> None:
        async with self._subscribing:
            if not self._inbox:
                inbox = self._nc.new_inbox()
                await self._nc.subscribe(f"{inbox}.*", cb=self._answered)
                self._inbox = inbox

    async def _answered(self, message: Msg) -> None:
        answer = self._waiting.get(message.subject)
        if answer is not None and not answer.done():
            answer.set_result(message)


def _too_late(answer: "asyncio.Future[Msg]") -> None:
    if not answer.done():
        answer.set_exception(NatsTimeoutError())
