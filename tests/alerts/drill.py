"""One fault, start to end: broken, told, looked up in the runbook, mended by its commands, told again."""

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from letterbox.monitoring.durations import seconds
from tests.alerts.faults import Fault
from tests.alerts.receiver import Told
from tests.alerts.runbook import commands
from tests.alerts.world import World

PATIENCE_SECONDS = 200
"""On top of what was stated, before a drill is given up; nothing is measured by it."""
LONGEST_WINDOW = "10m"


@dataclass(frozen=True)
class Measured:
    """How a drill went; seconds as they passed."""

    fault: Fault
    told_after: float
    resolved_after: float
    told: Told


async def drill(world: World, fault: Fault) -> Measured:
    """Raises TimeoutError or AssertionError when the alert, its runbook or its end is missing."""
    alert = world.known.alert(fault.alert)
    patience = seconds(alert.within) / world.times + PATIENCE_SECONDS
    async with AsyncExitStack() as broken:
        began = time.monotonic()
        await broken.enter_async_context(fault.make(world))
        told = await world.receiver.hears(fault.alert, "firing", fault.labels, began, patience)
        variables = {name.upper(): value for name, value in told.labels.items()} | dict(fault.variables)
        await world.types(commands(fault.alert, "Look"), **variables)
        if fault.outside:
            await broken.aclose()
        mended = time.monotonic()
        await world.types(commands(fault.alert, "Fix"), **variables)
        patience = seconds(LONGEST_WINDOW) / world.times + PATIENCE_SECONDS
        resolved = await world.receiver.hears(fault.alert, "resolved", fault.labels, mended, patience)
    return Measured(fault, told.at - began, resolved.at - mended, told)
