"""Memory of each idle service's main process."""

import asyncio

from bench.measure import Row, resident_bytes, stack_for
from letterbox.local.names import ALL, SERVICES

MOST_MEBIBYTES = 110
SETTLE_SECONDS = 5


async def run(*, quick: bool) -> list[Row]:
    """A row for each service."""
    async with stack_for(ALL) as stack:
        await asyncio.sleep(1 if quick else SETTLE_SECONDS)
        rows = []
        for name in SERVICES:
            identity = stack.running[name].identity
            assert identity is not None
            used = resident_bytes(identity.pid) / (1 << 20)
            bar = f"≤ {MOST_MEBIBYTES} MiB"
            ratio = used / MOST_MEBIBYTES
            rows.append(Row(f"memory of {name}, idle", f"{used:.0f} MiB", "—", ratio, bar, used <= MOST_MEBIBYTES))
        return rows
