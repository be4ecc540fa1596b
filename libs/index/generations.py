"""Generations of an index: the live one, which searches ask, and beside it one that is built or kept."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from libs.index.folder import Folder
from libs.index.protocol import SearchIndex, Unavailable

if TYPE_CHECKING:
    from libs.index.meilisearch import MeilisearchIndex


class Generations(Protocol):
    """Every method raises Unavailable when the engine is away."""

    remote: bool
    """Whether the engine is a server, which may answer later."""

    async def live(self) -> str:
        """The name of the generation that searches ask."""

    async def others(self) -> list[str]:
        """The names of the others."""

    async def new(self) -> str:
        """The name of a new, empty generation; every other than the live one is removed."""

    async def open(self, name: str, *, writer: bool) -> SearchIndex:
        """One generation; the caller closes it."""

    async def swap(self, name: str) -> str:
        """Make `name` the live one in one step; returns the name of the one that was."""


class TantivyGenerations:
    """Those of the embedded index in the folder `path`."""

    remote = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = Folder(path)

    async def live(self) -> str:
        """What the link names."""
        with self._errors():
            return self._folder.live()

    async def others(self) -> list[str]:
        """All folders that the link does not name."""
        with self._errors():
            return self._folder.others()

    async def new(self) -> str:
        """The folder with the next number."""
        with self._errors():
            return self._folder.new()

    async def open(self, name: str, *, writer: bool) -> SearchIndex:
        """The index in one folder."""
        from libs.index.tantivy import TantivyIndex

        return TantivyIndex(self._path, writer=writer, generation=name)

    async def swap(self, name: str) -> str:
        """Replace the link."""
        with self._errors():
            was = self._folder.live()
            self._folder.swap(name)
        return was

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise Unavailable(f"the index in {self._path}: {type(error).__name__}") from error


class MeilisearchGenerations:
    """Two indexes of a Meilisearch, whose names never change: a swap exchanges what is in them."""

    remote = True

    def __init__(self, url: str, key: str | None, uid: str = "documents") -> None:
        self._url, self._key = url, key
        self._uid, self._next = uid, f"{uid}_next"

    async def live(self) -> str:
        """Always the same name."""
        return self._uid

    async def others(self) -> list[str]:
        """The second index, if it is there."""
        async with _closing(self._index(self._next)) as index:
            return [self._next] if await index.exists() else []

    async def new(self) -> str:
        """The second index, empty."""
        async with _closing(self._index(self._next)) as index:
            await index.drop()
            await index.prepare()
        return self._next

    async def open(self, name: str, *, writer: bool) -> SearchIndex:
        """One of the two; with its settings, when it is to be written."""
        index = self._index(name)
        try:
            if writer:
                await index.prepare()
        except Unavailable:
            await index.close()
            raise
        return index

    async def swap(self, name: str) -> str:
        """Exchange the two."""
        async with _closing(self._index(self._uid)) as index:
            await index.swap(name)
        return name

    def _index(self, uid: str) -> "MeilisearchIndex":
        from libs.index.meilisearch import MeilisearchIndex

        return MeilisearchIndex(self._url, self._key, uid)


@asynccontextmanager
async def _closing(index: "MeilisearchIndex") -> AsyncIterator["MeilisearchIndex"]:
    try:
        yield index
    finally:
        await index.close()
