"""Reading objects from the real store: whole, or an error that says whose fault it is."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from libs.events.errors import Transient
from libs.objects.store import MissingObject, ObjectStore, TooLarge, object_store
from libs.service.settings import ObjectSettings
from tests.support.relay import relaying
from tests.support.stack import isolated_stack
from tests.support.visitor import operators_objects

KEY = "text/" + "a" * 32 + "/1.1.json"
LARGE = bytes(range(256)) * (20 << 12)


@pytest.fixture(scope="module")
async def settings() -> AsyncIterator[ObjectSettings]:
    async with isolated_stack(("object-store",)) as stack:
        yield operators_objects(stack)


@pytest.fixture
async def objects(settings: ObjectSettings) -> AsyncIterator[ObjectStore]:
    async with object_store(settings) as objects:
        yield objects


@pytest.mark.parametrize("content", [b"", b"x", LARGE], ids=["empty", "one byte", "20 MiB"])
async def test_what_was_put_is_read_to_the_byte(objects: ObjectStore, content: bytes) -> None:
    await objects.put(KEY, content, "application/octet-stream")
    assert await objects.read(KEY, most=len(content)) == content


@pytest.mark.parametrize("key", ["a space", "grüße", "plus+sign", "per%20cent", "question?mark#hash"])
async def test_a_key_of_any_characters_is_the_same_key(objects: ObjectStore, key: str) -> None:
    await objects.put(f"text/{key}", key.encode(), "text/plain")
    assert await objects.read(f"text/{key}", most=100) == key.encode()


async def test_a_missing_object_is_no_fault_of_the_store(objects: ObjectStore) -> None:
    with pytest.raises(MissingObject):
        await objects.read("text/nothing", most=10)


async def test_an_object_that_is_too_large_is_refused(objects: ObjectStore) -> None:
    await objects.put(KEY, b"x" * 11, "text/plain")
    with pytest.raises(TooLarge):
        await objects.read(KEY, most=10)


@pytest.mark.parametrize(
    "wrong", [{"s3_secret_key": SecretStr("wrong")}, {"bucket": "another"}], ids=["secret", "bucket"]
)
async def test_a_store_that_refuses_counts_as_away(settings: ObjectSettings, wrong: dict[str, object]) -> None:
    async with object_store(settings.model_copy(update=wrong)) as objects:
        with pytest.raises(Transient):
            await objects.read(KEY, most=10)


async def test_a_download_that_breaks_off_is_never_taken_for_whole(settings: ObjectSettings) -> None:
    async with object_store(settings) as objects:
        await objects.put(KEY, LARGE, "application/octet-stream")
    host, port = (settings.s3_endpoint_url or "").removeprefix("http://").split(":")
    async with relaying(host, int(port)) as relay:
        behind = settings.model_copy(update={"s3_endpoint_url": f"http://127.0.0.1:{relay.port}"})
        async with object_store(behind) as objects:
            stream = objects.stream(KEY)
            await anext(stream)
            await relay.cut()
            with pytest.raises(Transient):
                async with asyncio.timeout(20):
                    [chunk async for chunk in stream]
            with pytest.raises(Transient):
                await objects.read(KEY, most=len(LARGE))
            await relay.open()
            assert await objects.read(KEY, most=len(LARGE)) == LARGE
