"""`python -m services.ingest`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from libs.events.connect import connected
from libs.events.health import nats_answers
from libs.events.history import History
from libs.events.publish import Publisher
from libs.objects.store import object_store
from libs.service.health import Health
from libs.service.lifecycle import listening, run
from services.ingest.app import ingest_app
from services.ingest.parts import Parts
from services.ingest.peers import follow_peers
from services.ingest.rates import Rates
from services.ingest.settings import Settings


@asynccontextmanager
async def start(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Everything ingest is made of, opened in order and closed in reverse.

    Only NATS counts for readiness: without the object store, messages without files are still accepted.
    """
    async with AsyncExitStack() as stack:
        nc = await stack.enter_async_context(connected(settings))
        health.needs("nats", partial(nats_answers, nc))
        objects = await stack.enter_async_context(object_store(settings, connections=2 * settings.upload_slots))
        parts = Parts(
            settings=settings,
            nc=nc,
            history=History(nc),
            publisher=Publisher(nc, "ingest"),
            objects=objects,
            slots=asyncio.Semaphore(settings.upload_slots),
            by_address=Rates(settings.rate_per_address),
            by_form=Rates(settings.rate_per_form),
            journeys=asyncio.Semaphore(settings.open_journeys),
            closing=asyncio.Event(),
        )
        if settings.peers:
            following = asyncio.create_task(follow_peers(settings.peers, lambda count: _share(parts, count)))
            stack.callback(following.cancel)
        door = listening(ingest_app(parts), settings.host, settings.http_port, settings.drain_seconds)
        await stack.enter_async_context(door)
        yield


def _share(parts: Parts, instances: int) -> None:
    parts.by_address.share(instances)
    parts.by_form.share(instances)


if __name__ == "__main__":
    run("ingest", Settings, start)
