"""What the tests of the readers share."""

from collections.abc import AsyncIterator

import pytest

from services.indexer.sandbox import Sandbox


@pytest.fixture(scope="session")
async def reader() -> AsyncIterator[Sandbox]:
    """The real sandbox with the real readers."""
    async with Sandbox() as sandbox:
        yield sandbox
