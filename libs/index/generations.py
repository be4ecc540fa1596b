"""Generations of an index: the live one, which searches ask, and beside it one that is built or kept."""

from pathlib import Path
from typing import Protocol

from libs.index.folder import Folder
from libs.index.protocol import SearchIndex, Unavailable


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
        try:
            return self._folder.live()
        except OSError as error:
            raise self._away(error) from error

    async def others(self) -> list[str]:
        """All folders that the link does not name."""
        try:
            return self._folder.others()
        except OSError as error:
            raise self._away(error) from error

    async def new(self) -> str:
        """The folder with the next number."""
        try:
            return self._folder.new()
        except OSError as error:
            raise self._away(error) from error

    async def open(self, name: str, *, writer: bool) -> SearchIndex:
        """The index in one folder."""
        from libs.index.tantivy import TantivyIndex

        return TantivyIndex(self._path, writer=writer, generation=name)

    async def swap(self, name: str) -> str:
        """Replace the link."""
        was = await self.live()
        try:
            self._folder.swap(name)
        except OSError as error:
            raise self._away(error) from error
        return was

    def _away(self, error: OSError) -> Unavailable:
        return Unavailable(f"the index in {self._path}: {type(error).__name__}")


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
        from libs.index.meilisearch import MeilisearchIndex

        index = MeilisearchIndex(self._url, self._key, self._next)
        try:
            return [self._next] if await index.exists() else []
        finally:
            await index.close()

    async def new(self) -> str:
        """The second index, empty."""
        from libs.index.meilisearch import MeilisearchIndex

        index = MeilisearchIndex(self._url, self._key, self._next)
        try:
            await index.drop()
            await index.prepare()
        finally:
            await index.close()
        return self._next

    async def open(self, name: str, *, writer: bool) -> SearchIndex:
        """One of the two; with its settings, when it is to be written."""
        from libs.index.meilisearch import MeilisearchIndex

        index = MeilisearchIndex(self._url, self._key, name)
        try:
            if writer:
                await index.prepare()
        except Unavailable:
            await index.close()
            raise
        return index

    async def swap(self, name: str) -> str:
        """Exchange the two."""
        from libs.index.meilisearch import MeilisearchIndex

        index = MeilisearchIndex(self._url, self._key, self._uid)
        try:
            await index.swap(name)
        finally:
            await index.close()
        return name
