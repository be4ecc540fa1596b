"""One consumer that does nothing with its messages. Prints messages per second.

`python -m bench.consumer_process raw|loop NATS_URL PASSWORD COUNT`
"""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence
from typing import Any

import nats
import uvloop
from nats.aio.client import Client

from libs.events.consume import consuming
from libs.events.delivery import Received
from libs.events.publish import Publisher
from libs.events.streams import STORAGE_RECORD, STREAM

BATCH = 200


async def raw(nc: Client, count: int) -> float:
    """The client's own fetch loop, with json.loads and an acknowledgement."""
    subscription = await nc.jetstream().pull_subscribe_bind(STORAGE_RECORD.name, STREAM)
    handled, began = 0, time.perf_counter()
    while handled < count:
        for message in await subscription.fetch(BATCH, timeout=5):
            json.loads(message.data)
            await message.ack()
            handled += 1
    return count / (time.perf_counter() - began)


async def loop(nc: Client, count: int) -> float:
    """Our loop."""
    handled, done = 0, asyncio.Event()

    async def nothing(received: Sequence[Received[Any]]) -> list[tuple[()]]:
        nonlocal handled
        handled += len(received)
        if handled >= count:
            done.set()
        return [()] * len(received)

    began = time.perf_counter()
    async with consuming(nc, Publisher(nc, "storage"), STORAGE_RECORD, nothing, batch=BATCH):
        await done.wait()
        return count / (time.perf_counter() - began)


async def main() -> None:
    """Run the one that was asked for."""
    kind, url, password, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    nc = await nats.connect(url, user="storage", password=password, inbox_prefix=b"_INBOX_storage")
    print(await (raw if kind == "raw" else loop)(nc, count))
    await nc.close()


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    uvloop.run(main())
