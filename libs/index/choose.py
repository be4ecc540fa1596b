"""Which search index is used: the settings say so, nobody else knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.index.meilisearch import MeilisearchIndex
from libs.index.protocol import SearchIndex
from libs.index.tantivy import TantivyIndex
from libs.service.settings import IndexSettings


@asynccontextmanager
async def search_index(settings: IndexSettings, *, writer: bool) -> AsyncIterator[SearchIndex]:
    """The index of `settings`; one process at a time may open the embedded one as `writer`.

    Raises Unavailable when it cannot be opened now.
    """
    index: SearchIndex
    if settings.index == "meilisearch":
        key = settings.meilisearch_key.get_secret_value() if settings.meilisearch_key else None
        index = MeilisearchIndex(settings.meilisearch_url, key)
    else:
        index = TantivyIndex(settings.index_path, writer=writer)
    try:
        yield index
    finally:
        await index.close()
