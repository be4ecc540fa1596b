"""`python -m services.storage`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from libs.events.connect import connected
from libs.events.consume import consuming
from libs.events.health import nats_answers
from libs.events.history import History
from libs.events.publish import Publisher
from libs.events.streams import STORAGE_JOURNEY, STORAGE_RECORD
from libs.objects.store import object_store
from libs.postgres.pool import check, postgres_pool
from libs.service.health import Health
from libs.service.lifecycle import run
from services.storage import handlers
from services.storage.janitor import Janitor
from services.storage.migrate import migrate_when_there
from services.storage.settings import Settings


@asynccontextmanager
async def start(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Everything storage is made of, opened in order and closed in reverse."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(postgres_pool(settings, most=6))
        health.needs("postgres", partial(check, pool))
        await migrate_when_there(pool)
        nc = await stack.enter_async_context(connected(settings))
        health.needs("nats", partial(nats_answers, nc))
        objects = await stack.enter_async_context(object_store(settings))
        publisher, parts = Publisher(nc, "storage"), handlers.Parts(pool)
        record, follow = partial(handlers.record, parts=parts), partial(handlers.follow, parts=parts)
        await stack.enter_async_context(consuming(nc, publisher, STORAGE_JOURNEY, follow, batch=settings.journey_batch))
        await stack.enter_async_context(consuming(nc, publisher, STORAGE_RECORD, record, batch=settings.record_batch))
        if settings.janitor_every_seconds:
            janitor = Janitor(History(nc), pool, objects, settings.janitor_age_seconds)
            task = asyncio.create_task(janitor.run(settings.janitor_every_seconds))
            stack.callback(task.cancel)
        yield


if __name__ == "__main__":
    run("storage", Settings, start)
