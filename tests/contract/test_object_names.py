"""The name that travels with an object comes back as it was, whatever it is made of."""

from collections.abc import AsyncIterator

import pytest

from libs.objects.store import NAME_BYTES, MissingObject, ObjectStore, object_store
from tests.support.stack import isolated_stack
from tests.support.visitor import operators_objects

KEY = f"found/{'a' * 32}/1-2"


@pytest.fixture(scope="module")
async def objects() -> AsyncIterator[ObjectStore]:
    async with isolated_stack(("object-store",)) as stack, object_store(operators_objects(stack)) as objects:
        yield objects


@pytest.mark.parametrize("name", ["bell.txt", "Übersicht 2026 (1)%20&.pdf", "年次報告.docx", "🐙.png", "a=b;c\"'\\"])
async def test_a_name_is_kept_with_the_object(objects: ObjectStore, name: str) -> None:
    await objects.put(KEY, b"content", "text/plain", name)
    assert await objects.name_of(KEY) == name
    assert await objects.read(KEY, 100) == b"content"


@pytest.mark.parametrize("name", ["年" * 251 + ".docx", "🐙" * 255, "x" * 255])
async def test_a_name_that_s3_would_refuse_is_cut(objects: ObjectStore, name: str) -> None:
    await objects.put(KEY, b"content", "text/plain", name)
    kept = await objects.name_of(KEY)
    assert name.startswith(kept.removesuffix(".docx"))
    assert len(kept.encode()) <= NAME_BYTES
    assert kept[-3:] == name[-3:]


async def test_an_object_without_a_name_has_an_empty_one_and_no_object_has_none(objects: ObjectStore) -> None:
    await objects.put(KEY, b"content", "text/plain")
    assert await objects.name_of(KEY) == ""
    with pytest.raises(MissingObject):
        await objects.name_of(f"{KEY}-1")
