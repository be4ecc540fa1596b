"""The index that indexer writes: the live generation, and beside it the next one for as long as it is built.

The operator says so in the metadata of a temporary consumer (`letterbox reindex`): while its phase is BUILDING, what
happens live is written into both, and the consumer works the stream off into the next one. So the next one lacks
nothing when the operator makes it the live one. Whatever is removed is removed from every generation.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from libs.events.errors import Transient
from libs.index.generations import Generations
from libs.index.protocol import IndexedDocument, SearchIndex, Unavailable, WrittenElsewhere
from services.indexer.metrics import writing

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
BUILDING, KEPT = "building", "kept"
PHASE, GENERATION = "letterbox-phase", "letterbox-generation"


class Indexes:
    """The live generation and the next. Every method raises Unavailable when the engine is away."""

    def __init__(self, generations: Generations, name: str, live: SearchIndex) -> None:
        self._generations = generations
        self._open = {name: live}
        self._live = name
        self._next: str | None = None
        self._switching = asyncio.Lock()

    async def write(self, documents: Sequence[IndexedDocument], gone: Sequence[str] = ()) -> None:
        """Add or replace, first in the next generation: what is found stays found when it becomes the live one.

        Then remove the documents with the ids `gone`.
        """
        async with self._switching:
            for name in sorted(self._open, key=lambda name: name != self._next):
                with writing("next" if name == self._next else "live", len(documents)):
                    await _change(self._open[name], documents, gone)

    async def write_next(self, documents: Sequence[IndexedDocument], gone: Sequence[str] = ()) -> None:
        """Add or replace in the next generation alone, then remove `gone`."""
        index = self._open.get(self._next or "")
        if index is None:
            raise Unavailable("no index is built at the moment")
        with writing("next", len(documents)):
            await _change(index, documents, gone)

    async def delete_submission(self, contact_id: str) -> int:
        """Remove all documents of a submission from every generation, a kept one too; returns how many went."""
        gone = 0
        async with self._switching:
            for name in (self._live, *await self._generations.others()):
                index = self._open.get(name)
                if index is not None:
                    gone += await index.delete_submission(contact_id)
                    continue
                kept = await self._generations.open(name, writer=True)
                try:
                    gone += await kept.delete_submission(contact_id)
                finally:
                    await kept.close()
        return gone

    async def ready(self) -> None:
        """Raise Unavailable unless the live index answers."""
        await self._open[self._live].ready()

    async def follow(self, metadata: dict[str, str] | None) -> bool:
        """Take note of the operator's temporary consumer; whether it is to be worked off. Raises Transient."""
        building = metadata is not None and metadata.get(PHASE) == BUILDING
        try:
            async with self._switching:
                await self._settle(metadata[GENERATION] if metadata and building else None)
        except Unavailable as error:
            raise Transient("index", str(error)) from error
        return building

    async def close(self) -> None:
        """Close every generation."""
        for index in self._open.values():
            await index.close()

    async def _settle(self, following: str | None) -> None:
        """Have the live generation open, and while one is built all of them: the swap may have happened already."""
        live = await self._generations.live()
        wanted = {live} if following is None else {live, following, *await self._generations.others()}
        for name in wanted - set(self._open):
            self._open[name] = await self._generations.open(name, writer=True)
            log.info("index opened", extra={"generation": name})
        self._live, self._next = live, following
        for name in set(self._open) - wanted:
            await self._open.pop(name).close()
            log.info("index closed", extra={"generation": name})


async def _change(index: SearchIndex, documents: Sequence[IndexedDocument], gone: Sequence[str]) -> None:
    await index.write(documents)
    for one in gone:
        await index.delete_document(one)


@asynccontextmanager
async def indexes(generations: Generations, standing_by: Callable[[], None] = lambda: None) -> AsyncIterator[Indexes]:
    """The live generation, opened for writing as soon as the engine answers; readiness says what is missing.

    While another process writes it this one stands by, says so once, and takes over when that one ends.
    """
    while True:
        try:
            name = await generations.live()
            opened = Indexes(generations, name, await generations.open(name, writer=True))
            break
        except WrittenElsewhere:
            standing_by()
            await asyncio.sleep(AGAIN_SECONDS)
        except Unavailable as error:
            if not generations.remote:
                raise
            log.warning("waiting for the index", extra={"error": str(error)})
            await asyncio.sleep(AGAIN_SECONDS)
    try:
        yield opened
    finally:
        await opened.close()
