"""`python -m services.search`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from libs.index.choose import search_index
from libs.objects.store import object_store
from libs.postgres.pool import postgres_pool
from libs.service.health import Health
from libs.service.lifecycle import listening, run
from services.search.access import Access
from services.search.app import application
from services.search.attempts import Attempts
from services.search.keys import Keys
from services.search.operations import operations
from services.search.parts import Parts
from services.search.records import Records
from services.search.sessions import Sessions
from services.search.settings import Settings
from services.search.stream import stream_when_there


@asynccontextmanager
async def start(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Everything search is made of, opened in order and closed in reverse.

    It is ready with the index and a key: without PostgreSQL it answers degraded, which is better than not at all.
    """
    keys = Keys(settings.keys_file)
    secure = settings.public_url.startswith("https:")
    sessions = Sessions(settings.session_secret.get_secret_value(), keys, secure=secure)
    access = Access(keys, sessions, Attempts(), settings.public_url, settings.trusted_proxies)
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(postgres_pool(settings, most=8))
        objects = await stack.enter_async_context(object_store(settings))
        index = await stack.enter_async_context(search_index(settings))
        health.needs("index", index.ready)
        health.needs("keys", keys.check)
        stream = await stack.enter_async_context(stream_when_there(settings))
        others = await stack.enter_async_context(operations(settings.operations))
        scanned = bool(settings.clamd_address)
        parts = Parts(index, Records(pool), objects, access, stream, others, scanned=scanned)
        door = listening(application(parts), settings.host, settings.http_port, settings.drain_seconds)
        await stack.enter_async_context(door)
        yield


if __name__ == "__main__":
    run("search", Settings, start)
