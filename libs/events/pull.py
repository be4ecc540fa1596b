"""Pulling deliveries of one durable, without the stalls of the client's own fetch (nats.py issue 986).

One inbox subscription; each pull request has a reply subject of its own, so a request that outlived its time-out
cannot swallow the answer of the next. Protocol: `$JS.API.CONSUMER.MSG.NEXT.<stream>.<durable>` (JetStream API).
"""

import asyncio
import json
from collections.abc import Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from libs.events.errors import Transient
from libs.events.streams import STREAM

EXPIRES_SECONDS = 2.0
GRACE_SECONDS = 1.0
"""How much longer than its expiry a pull waits for its answer, for one lost in a reconnect."""


class Puller:
    """Pulls deliveries and hands each over as it arrives; several processes may pull from the same durable."""

    def __init__(self, nc: Client, durable: str, arrived: Callable[[Msg], None], stream: str = STREAM) -> None:
        self._nc = nc
        self._request = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self._inbox = nc.new_inbox()
        self._arrived = arrived
        self._pulls = 0
        self._wanted = 0
        self._ended = asyncio.Event()
        self._refusal = ""

    async def start(self) -> None:
        """Subscribe to the answers; once."""
        self._replies = await self._nc.subscribe(
            f"{self._inbox}.*", cb=self._take, pending_msgs_limit=-1, pending_bytes_limit=-1
        )

    async def stop(self) -> None:
        """End the subscription; deliveries that are under way go back to the durable after its ack wait."""
        if not self._nc.is_closed:
            await self._replies.unsubscribe()

    async def pull(self, most: int) -> None:
        """Ask for up to `most` deliveries; returns when they came, the server has no more, or after some seconds.

        Raises Transient when the request cannot be sent or the consumer is not there.
        """
        self._pulls += 1
        self._wanted = most
        self._refusal = ""
        self._ended.clear()
        request = {"batch": most, "expires": int(EXPIRES_SECONDS * 1e9), "no_wait": True}
        try:
            await self._nc.publish(self._request, json.dumps(request).encode(), reply=f"{self._inbox}.{self._pulls}")
            async with asyncio.timeout(EXPIRES_SECONDS + GRACE_SECONDS):
                await self._ended.wait()
        except TimeoutError:
            return
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None
        if self._refusal:
            raise Transient("nats", self._refusal)

    async def _take(self, message: Msg) -> None:
        if message.reply:  # a delivery counts, whichever request it answers
            self._wanted -= 1
            self._arrived(message)
            if self._wanted <= 0:
                self._ended.set()
            return
        if message.subject != f"{self._inbox}.{self._pulls}":
            return
        headers = message.headers or {}
        status = headers.get("Status")
        if status == "100":
            return
        if status in ("409", "503"):
            self._refusal = headers.get("Description", "the consumer is not there")
        self._ended.set()
