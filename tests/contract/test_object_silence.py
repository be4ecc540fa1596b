"""A store that takes connections and says nothing is away: whoever writes learns it, and does not wait for ever."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from libs.events.errors import Transient
from libs.objects import store
from libs.service.settings import ObjectSettings

PATIENCE_SECONDS = 30
"""Many times what it takes; without an end of its own the wait is cut here, and the test fails."""


@pytest.fixture
async def silent() -> AsyncIterator[ObjectSettings]:
    """The settings of a store that reads what it is sent, and never answers."""

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        yield ObjectSettings(
            s3_endpoint_url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}",
            s3_region="us-east-1",
            s3_access_key="key",
            s3_secret_key=SecretStr("secret"),
            bucket="bucket",
        )


async def test_who_writes_to_a_silent_store_learns_that_it_is_away(
    silent: ObjectSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "READ_SECONDS", 0.2)
    async with store.object_store(silent) as objects, asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Transient):
            await objects.put("originals/key", b"content", "text/plain")
