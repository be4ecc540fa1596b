"""A quiet time: steady load, nothing broken, nothing told."""

import asyncio
import tomllib
from pathlib import Path
from typing import Any

from letterbox.monitoring.durations import seconds
from tests.alerts.world import World

SETTINGS: dict[str, Any] = tomllib.loads((Path(__file__).parent / "settings.toml").read_text(encoding="utf-8"))
OF_THE_HOST = {"DiskFull", "DiskFilling", "MemoryLow", "EventLoopBlocked"}
"""True or not, these speak of the machine that tests run on."""
SETTLED_SECONDS = 90


async def settled(running: World) -> list[dict[str, Any]]:
    """All targets, once each was asked and answered, and the first synthetic submission is through."""
    async with asyncio.timeout(SETTLED_SECONDS * max(1.0, 10 / running.times)):
        while True:
            targets = (await running.prometheus("targets"))["activeTargets"]
            through = await running.prometheus("query?query=letterbox_synthetic_success%3D%3D1")
            if through["result"] and all(target["health"] == "up" for target in targets):
                return list(targets)
            await asyncio.sleep(0.5)


async def told_while_quiet(running: World) -> set[str]:
    """The alerts, without the watchdog and those that speak of the host, that were told during the quiet time."""
    began = len(running.receiver.told)
    await asyncio.sleep(seconds(SETTINGS["quiet"]) / running.times)
    told = {one.name for one in running.receiver.told[began:] if one.status == "firing"}
    return told - OF_THE_HOST - {"Watchdog"}
