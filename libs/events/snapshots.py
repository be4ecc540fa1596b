"""Snapshots of a stream with its consumers, taken while it is used, and put back with every sequence as it was.

JetStream's own API (`$JS.API.STREAM.SNAPSHOT`, `$JS.API.STREAM.RESTORE`): the server sends chunks that have to be
acknowledged, in the form that only it reads. Needs the operator's rights.
"""

import asyncio
import contextlib
import json
from typing import Any, BinaryIO

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from libs.events.errors import Transient

CHUNK_BYTES = 128 << 10
TIMEOUT_SECONDS = 30.0
ENDED = "204"


class Damaged(Exception):
    """The server refuses a snapshot; the text is the server's reason."""


class Snapshots:
    """The streams of one account. Every method raises Transient when NATS does not answer or refuses."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def streams(self) -> list[str]:
        """The names of all streams."""
        return sorted((await self._api("STREAM.NAMES", {})).get("streams") or ())

    async def consumers(self, stream: str) -> dict[str, dict[str, Any]]:
        """The consumers of a stream as the server tells them, by name."""
        listed = (await self._api(f"CONSUMER.LIST.{stream}", {})).get("consumers") or ()
        return {one["name"]: one for one in listed}

    async def take(self, stream: str, out: BinaryIO) -> dict[str, Any]:
        """Write a snapshot to `out`; returns the stream's `config` and `state`, which putting it back needs."""
        arrived: asyncio.Queue[Msg] = asyncio.Queue()

        async def keep(message: Msg) -> None:
            arrived.put_nowait(message)

        inbox = self._nc.new_inbox()
        subscription = await self._nc.subscribe(inbox, cb=keep)
        try:
            asked = {"deliver_subject": inbox, "chunk_size": CHUNK_BYTES, "jsck": True}
            described = await self._api(f"STREAM.SNAPSHOT.{stream}", asked)
            while True:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    message = await arrived.get()
                if not message.data:
                    status = (message.headers or {}).get("Status", ENDED)
                    if status != ENDED:
                        raise Transient("nats", f"the snapshot of {stream} was given up with {status}")
                    return {"config": described["config"], "state": described["state"]}
                await asyncio.to_thread(out.write, message.data)
                if message.reply:
                    await self._nc.publish(message.reply, b"")
        except (Error, ConnectionError, TimeoutError) as error:
            raise Transient("nats", type(error).__name__) from None
        finally:
            with contextlib.suppress(Error, ConnectionError):
                await subscription.unsubscribe()

    async def put_back(self, stream: str, described: dict[str, Any], source: BinaryIO) -> dict[str, Any]:
        """Make the stream from a snapshot in the place of an empty one, whose configuration it gets.

        Returns the state it has then. Raises Damaged when the server cannot read the snapshot.
        """
        config = described["config"]
        if stream in await self.streams():
            config = (await self._api(f"STREAM.INFO.{stream}", {}))["config"]
            await self._api(f"STREAM.DELETE.{stream}", {})
        asked = {"config": config, "state": described["state"]}
        target = (await self._api(f"STREAM.RESTORE.{stream}", asked))["deliver_subject"]
        while chunk := await asyncio.to_thread(source.read, CHUNK_BYTES):
            self._accepted(await self._request(target, chunk))
        return dict(self._accepted(await self._request(target, b""))["state"])

    async def drop_consumer(self, stream: str, name: str) -> None:
        """Remove a consumer."""
        await self._api(f"CONSUMER.DELETE.{stream}.{name}", {})

    @staticmethod
    def _accepted(message: Msg) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(message.data) if message.data else {}
        if "error" in answer:
            raise Damaged(answer["error"].get("description", "refused"))
        return answer

    async def _api(self, what: str, asked: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads((await self._request(f"$JS.API.{what}", json.dumps(asked).encode())).data)
        if "error" in answer:
            raise Transient("nats", answer["error"].get("description", "refused"))
        return answer

    async def _request(self, subject: str, body: bytes) -> Msg:
        try:
            return await self._nc.request(subject, body, timeout=TIMEOUT_SECONDS)
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None
