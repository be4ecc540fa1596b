"""`python -m services.indexer`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from libs.events.connect import connected
from libs.events.consume import Handler, consuming, each
from libs.events.health import nats_answers
from libs.events.history import History
from libs.events.publish import Publisher
from libs.events.replay import REINDEX, consuming_and_replaying, following
from libs.events.streams import (
    INDEXER_ERASURE,
    INDEXER_EXTRACT,
    INDEXER_INDEX,
    INDEXER_PREVIEW,
    INDEXER_REBUILD,
)
from libs.index.choose import generations
from libs.objects.store import object_store
from libs.service.health import Health
from libs.service.lifecycle import run
from services.indexer import handlers, previews, tags
from services.indexer.active_rules import ActiveRules
from services.indexer.antivirus import Antivirus
from services.indexer.found import Reach, Room
from services.indexer.indexes import indexes
from services.indexer.priority import yield_processors
from services.indexer.sandbox import Limits, Sandbox
from services.indexer.settings import Settings

NICENESS = 5
INDEX_WRITERS = 2
"""While one batch is written, the next is read."""


def _always(handler: Handler, _effects: bool) -> Handler:
    """Indexer's handlers do the same in a replay: the loop keeps their events back."""
    return handler


@asynccontextmanager
async def start(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Everything indexer is made of, opened in order and closed in reverse."""
    yield_processors(NICENESS)
    async with AsyncExitStack() as stack:
        configured = tags.Rules.load(settings.rules_path or tags.DEFAULT_RULES)
        limits = Limits(memory_bytes=settings.extract_memory_bytes, wall_seconds=settings.extract_seconds)
        sandbox = await stack.enter_async_context(Sandbox(environment={"OCR_LANGUAGES": settings.ocr_languages}))
        index = await stack.enter_async_context(indexes(generations(settings), health.standing_by))
        health.needs("index", index.ready)
        nc = await stack.enter_async_context(connected(settings))
        health.needs("nats", partial(nats_answers, nc))
        objects = await stack.enter_async_context(object_store(settings, connections=2 * handlers.READ_AT_ONCE))
        health.needs("object-store", objects.check)
        antivirus = Antivirus(settings.clamd_address, settings.clamd_seconds) if settings.clamd_address else None
        if antivirus is not None:
            health.needs("antivirus", antivirus.ready)
        publisher = Publisher(nc, "indexer")
        reach = Reach(
            settings.found_depth, settings.found_members, Room(settings.found_documents, settings.found_bytes)
        )
        active_rules = ActiveRules(objects, configured)
        parts = handlers.Parts(History(nc), objects, index, sandbox, limits, active_rules, reach, antivirus)
        again = partial(handlers.index_again, parts=parts)
        write, read = partial(handlers.index, parts=parts), each(partial(handlers.extract, parts=parts))
        forget, erase = partial(handlers.forget, parts=parts), each(partial(handlers.erase, parts=parts))
        indexing = consuming_and_replaying(
            nc, publisher, INDEXER_INDEX, lambda effects: write if effects else again,
            workers=INDEX_WRITERS, batch=settings.index_batch, undo=forget,
        )  # fmt: skip
        extracting = consuming_and_replaying(
            nc, publisher, INDEXER_EXTRACT, partial(_always, read), workers=settings.extractions, undo=forget
        )
        await stack.enter_async_context(indexing)
        await stack.enter_async_context(extracting)
        draw = partial(previews.preview, parts=parts, limits=previews.limits(settings.preview_pages))
        drawing = consuming_and_replaying(nc, publisher, INDEXER_PREVIEW, partial(_always, each(draw)), undo=forget)
        await stack.enter_async_context(drawing)
        rebuild = partial(_always, partial(handlers.rebuild, parts=parts))
        building = following(
            nc, publisher, INDEXER_REBUILD, rebuild, REINDEX,
            workers=INDEX_WRITERS, batch=settings.index_batch, undo=forget, watch=index.follow,
        )  # fmt: skip
        await stack.enter_async_context(building)
        await stack.enter_async_context(consuming(nc, publisher, INDEXER_ERASURE, erase))
        yield


if __name__ == "__main__":
    run("indexer", Settings, start)
