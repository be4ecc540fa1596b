"""What visitors wait for goes before reading and indexing."""

import os
from pathlib import Path

from letterbox.local.stack import LocalStack


async def test_indexer_takes_less_of_the_processors_than_ingest(stack: LocalStack) -> None:
    indexer, ingest = (stack.running[name].identity for name in ("indexer", "ingest"))
    assert indexer is not None
    assert ingest is not None
    assert _niceness(indexer.pid) > _niceness(ingest.pid)


def _niceness(pid: int) -> int:
    """What counts beside other sessions: the session's own where Linux groups by session, otherwise the process's."""
    grouped = Path(f"/proc/{pid}/autogroup")
    if grouped.exists() and Path("/proc/sys/kernel/sched_autogroup_enabled").read_text().strip() == "1":
        return int(grouped.read_text().split()[-1])
    return os.getpriority(os.PRIO_PROCESS, pid)
