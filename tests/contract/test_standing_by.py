"""The embedded index has one writer: who comes second stands by, and takes over when the first ends."""

import asyncio
from pathlib import Path

from libs.index.generations import TantivyGenerations
from libs.service.health import Health
from services.indexer.indexes import indexes


async def test_the_second_stands_by_ready_and_takes_over(tmp_path: Path) -> None:
    health, took_over = Health(), asyncio.Event()

    async def second() -> None:
        async with indexes(TantivyGenerations(tmp_path), health.standing_by) as index:
            await index.ready()
            took_over.set()

    async with indexes(TantivyGenerations(tmp_path)) as first:
        await first.ready()
        assert await health.missing() == ["starting"]
        waiting = asyncio.create_task(second())
        while await health.missing():
            await asyncio.sleep(0.05)
        assert not took_over.is_set()
    async with asyncio.timeout(20):
        await took_over.wait()
    await waiting
