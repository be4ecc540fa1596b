"""One project for all compose tests that need it running."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.compose import images
from tests.compose.project import Project, project
from tests.compose.visitor import Visitor


@pytest.fixture(scope="session")
def stack() -> Iterator[Project]:
    """The whole system from the images, up and healthy; skips where Docker or a base for images is missing."""
    reason = images.missing()
    if reason:
        pytest.skip(reason)
    images.build()
    with project() as running:
        running.up()
        yield running


@pytest.fixture
async def visitor(stack: Project) -> AsyncIterator[Visitor]:
    """A visitor at the gateway, who trusts its authority and nobody else's."""
    connector = aiohttp.TCPConnector(ssl=stack.tls, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as http:
        yield Visitor(stack, http)
