"""Which search index is used: the settings say so, nobody else knows."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from libs.index.protocol import SearchIndex, Unavailable
from libs.service.settings import IndexSettings

if TYPE_CHECKING:
    from libs.index.meilisearch import MeilisearchIndex

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0


@asynccontextmanager
async def search_index(settings: IndexSettings, *, writer: bool) -> AsyncIterator[SearchIndex]:
    """The index of `settings`; one process at a time may open the embedded one as `writer`.

    Raises Unavailable when it cannot be opened now.
    """
    index: SearchIndex
    if settings.index == "meilisearch":
        from libs.index.meilisearch import MeilisearchIndex  # each only where it is used: both are large

        key = settings.meilisearch_key.get_secret_value() if settings.meilisearch_key else None
        index = meilisearch = MeilisearchIndex(settings.meilisearch_url, key)
        if writer:
            await _prepared(meilisearch)
    else:
        from libs.index.tantivy import TantivyIndex

        index = TantivyIndex(settings.index_path, writer=writer)
    try:
        yield index
    finally:
        await index.close()


async def _prepared(index: "MeilisearchIndex") -> None:
    """Set Meilisearch up as soon as it answers, however long that takes; readiness says what is missing meanwhile."""
    while True:
        try:
            return await index.prepare()
        except Unavailable as error:
            log.warning("waiting for Meilisearch", extra={"error": str(error)})
            await asyncio.sleep(AGAIN_SECONDS)
