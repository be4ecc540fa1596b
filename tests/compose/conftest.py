"""One project for all compose tests that need it running, as docs/howto/run-with-docker-compose.md starts it."""

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.compose import images, stand_ins
from tests.compose.project import OF_PROFILES, Project, project
from tests.compose.visitor import Visitor


@pytest.fixture(scope="package")
def stack() -> Iterator[Project]:
    """The whole system from the images, with every profile, up and healthy; skips where that cannot be."""
    reason = images.missing() or stand_ins.missing()
    if reason:
        pytest.skip(reason)
    images.build()
    stand_ins.build()
    with project() as running:
        running.profiles += OF_PROFILES
        running.set(LETTERBOX_CLAMD_ADDRESS="clamd:3310")
        running.up()
        yield running


@pytest.fixture
async def visitor(stack: Project) -> AsyncIterator[Visitor]:
    """A visitor at the gateway, who trusts its authority and nobody else's."""
    connector = aiohttp.TCPConnector(ssl=stack.tls, force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=120)) as http:
        yield Visitor(stack, http)


@pytest.fixture
async def owner(stack: Project) -> AsyncIterator[aiohttp.ClientSession]:
    """The owner's browser, logged in."""
    connector = aiohttp.TCPConnector(ssl=stack.tls)
    async with aiohttp.ClientSession(stack.door, connector=connector) as http:
        async with http.post("/search/login", data={"key": stack.owner_key}, allow_redirects=False) as answer:
            assert answer.status == 303
        yield http
