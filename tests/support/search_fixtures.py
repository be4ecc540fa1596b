"""The fixtures of search's tests; a module of its own, because pytest has to import it first."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from tests.support.search_door import Door, opened
from tests.support.search_servers import Servers, running


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def search_servers() -> AsyncIterator[Servers]:
    """The servers of all tests of search."""
    async with running() as servers:
        yield servers


@pytest_asyncio.fixture(loop_scope="session")
async def door(search_servers: Servers, tmp_path: Path) -> AsyncIterator[Door]:
    """An owner's door with nothing behind it yet."""
    async with opened(search_servers, tmp_path) as door:
        yield door
