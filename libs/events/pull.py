"""Pulling deliveries of one durable, without the stalls of the client's own fetch (nats.py issue 986).

One inbox subscription; each pull request has a reply subject of its own, so a request that outlived its time-out
cannot swallow the answer of the next. Protocol: `$JS.API.CONSUMER.MSG.NEXT.<stream>.<durable>` (JetStream API).
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error
from nats.errors import TimeoutError as NatsTimeoutError

from libs.events.errors import Transient
from libs.events.streams import STREAM

EXPIRES_SECONDS = 5.0
GRACE_SECONDS = 2.0
"""How much longer than its expiry a pull waits for its answer, for one lost in a reconnect."""


class Puller:
    """Pulls deliveries as they are there; several processes may pull from the same durable."""

    def __init__(self, nc: Client, durable: str) -> None:
        self._nc = nc
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{durable}"
        self._inbox = nc.new_inbox()
        self._pulls = 0

    async def start(self) -> None:
        """Subscribe to the answers; once."""
        self._replies = await self._nc.subscribe(f"{self._inbox}.*", pending_msgs_limit=-1, pending_bytes_limit=-1)

    async def stop(self) -> None:
        """End the subscription; deliveries that are under way go back to the durable after its ack wait."""
        if not self._nc.is_closed:
            await self._replies.unsubscribe()

    async def pull(self, most: int) -> AsyncIterator[Msg]:
        """Up to `most` deliveries, each as it arrives; ends when the server has no more, or after some seconds.

        Raises Transient when the request cannot be sent or the consumer is not there.
        """
        self._pulls += 1
        reply = f"{self._inbox}.{self._pulls}"
        request = {"batch": most, "expires": int(EXPIRES_SECONDS * 1e9), "no_wait": True}
        try:
            await self._nc.publish(self._request, json.dumps(request).encode(), reply=reply)
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None
        deadline = time.monotonic() + EXPIRES_SECONDS + GRACE_SECONDS
        received = 0
        while received < most:
            message = await self._next(deadline)
            if message is None:
                return
            if message.reply:
                received += 1
                yield message
                continue
            if message.subject == reply and not _goes_on(message):
                return

    async def _next(self, deadline: float) -> Msg | None:
        if self._replies.pending_msgs:
            return await self._replies.next_msg(timeout=1)
        try:
            return await self._replies.next_msg(timeout=max(0.01, deadline - time.monotonic()))
        except NatsTimeoutError:
            return None
        except Error as error:
            raise Transient("nats", type(error).__name__) from None


def _goes_on(message: Msg) -> bool:
    """Whether a status leaves its request open. Raises Transient when the request could not be served at all."""
    headers = message.headers or {}
    status = headers.get("Status")
    if status == "409":
        raise Transient("nats", headers.get("Description", "the consumer is not there"))
    if status == "503":
        raise Transient("nats", "no responders")
    return status == "100"


async def pause(seconds: float, unless: asyncio.Event) -> None:
    """Sleep, or end at once when `unless` is set."""
    try:
        await asyncio.wait_for(unless.wait(), seconds)
    except TimeoutError:
        return
