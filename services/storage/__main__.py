"""`python -m services.storage`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from libs.events.connect import connected
from libs.events.consume import Handler, consuming, each
from libs.events.exhausted import bury_exhausted
from libs.events.health import nats_answers
from libs.events.history import History
from libs.events.journal import Journal
from libs.events.publish import Publisher
from libs.events.replay import consuming_and_replaying
from libs.events.streams import DEAD_LETTERS, STORAGE_ERASURE, STORAGE_JOURNEY, STORAGE_RECORD, Durable
from libs.objects.store import object_store
from libs.postgres.pool import check, postgres_pool
from libs.service.health import Health
from libs.service.lifecycle import run
from services.storage import handlers
from services.storage.erasure import Eraser, Receipts
from services.storage.janitor import Janitor
from services.storage.ledger import Ledger
from services.storage.ledger_watch import LedgerWatch
from services.storage.migrate import migrate_when_there
from services.storage.retention import Retention
from services.storage.settings import Settings
from services.storage.stream_watch import watch_streams

ERASURES = 4
"""Submissions erased at once."""


def _always(handler: Handler, _effects: bool) -> Handler:
    """Storage's handlers do the same in a replay: the loop keeps their events back."""
    return handler


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
        publisher, history = Publisher(nc, "storage"), History(nc)
        events, dead_letters = Journal(nc), Journal(nc, DEAD_LETTERS)
        eraser = Eraser(publisher, history, events, dead_letters)
        parts = handlers.Parts(pool, objects, eraser)
        record, follow = partial(handlers.record, parts=parts), partial(handlers.follow, parts=parts)
        forget, erase = partial(handlers.forget, parts=parts), each(partial(handlers.erase, parts=parts))
        consumers: tuple[tuple[Durable, Handler, int], ...] = (
            (STORAGE_JOURNEY, follow, settings.journey_batch),
            (STORAGE_RECORD, record, settings.record_batch),
        )
        for durable, handler, batch in consumers:
            always = partial(_always, handler)
            consumer = consuming_and_replaying(nc, publisher, durable, always, batch=batch, undo=forget)
            await stack.enter_async_context(consumer)
        await stack.enter_async_context(consuming(nc, publisher, STORAGE_ERASURE, erase, workers=ERASURES))
        receipts = Receipts(pool, eraser, bool(settings.backup_to))
        tasks = [bury_exhausted(nc), receipts.run(), watch_streams((events, dead_letters))]
        if settings.ledger_every_seconds:
            ledger = Ledger(Journal(nc), pool, settings.ledger_grace_seconds)
            tasks.append(LedgerWatch(ledger, objects).run(settings.ledger_every_seconds))
        if settings.retention:
            tasks.append(Retention(pool, publisher, settings.retention).run(settings.retention_every_seconds))
        if settings.janitor_every_seconds:
            janitor = Janitor(history, pool, objects, settings.janitor_age_seconds)
            tasks.append(janitor.run(settings.janitor_every_seconds))
        for task in tasks:
            stack.callback(asyncio.create_task(task).cancel)
        yield


if __name__ == "__main__":
    run("storage", Settings, start)
