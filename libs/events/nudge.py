"""A nudge when the stream stores something of one submission: two core subscriptions, no consumer.

EVENTS repeats the headers of what it stores to `stored.<subject>`; a nudge can get lost, so who waits also looks now
and then.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from libs.events.streams import REPUBLISHED


@contextlib.asynccontextmanager
async def nudged(nc: Client, submission_id: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set whenever the stream stored something of this submission, while inside."""
    nudge = asyncio.Event()

    async def wake(_message: Msg) -> None:
        nudge.set()

    subjects = (f"{REPUBLISHED}.*.*.{submission_id}", f"{REPUBLISHED}.*.*.{submission_id}.>")
    subscriptions = []
    with contextlib.suppress(Error, ConnectionError):
        subscriptions = [await nc.subscribe(subject, cb=wake) for subject in subjects]
    try:
        yield nudge
    finally:
        for subscription in subscriptions:
            with contextlib.suppress(Error, ConnectionError):
                await subscription.unsubscribe()
