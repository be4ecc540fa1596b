"""Which search index is used: the settings say so, nobody else knows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libs.index.generations import Generations, MeilisearchGenerations, TantivyGenerations
from libs.index.protocol import SearchIndex
from libs.service.settings import IndexSettings


@asynccontextmanager
async def search_index(settings: IndexSettings) -> AsyncIterator[SearchIndex]:
    """The live index of `settings`, for searching, whichever generation that is at the moment.

    Raises Unavailable when it cannot be opened now.
    """
    index: SearchIndex
    if settings.index == "meilisearch":
        from libs.index.meilisearch import MeilisearchIndex  # each only where it is used: both are large

        index = MeilisearchIndex(settings.meilisearch_url, _key(settings))
    else:
        from libs.index.tantivy import TantivyIndex

        index = TantivyIndex(settings.index_path)
    try:
        yield index
    finally:
        await index.close()


def generations(settings: IndexSettings) -> Generations:
    """The generations of the index of `settings`, for writing, building and swapping them."""
    if settings.index == "meilisearch":
        return MeilisearchGenerations(settings.meilisearch_url, _key(settings))
    return TantivyGenerations(settings.index_path)


def _key(settings: IndexSettings) -> str | None:
    return settings.meilisearch_key.get_secret_value() if settings.meilisearch_key else None
