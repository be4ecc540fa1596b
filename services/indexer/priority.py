"""Reading and indexing yield the processors to what visitors wait for."""

import os
from contextlib import suppress
from pathlib import Path

AUTOGROUP = Path("/proc/self/autogroup")


def yield_processors(niceness: int) -> None:
    """Take less of the processors than others while they want them, as `nice` counts it.

    Where Linux groups processes by session, niceness counts inside a session alone, and the session has one of its
    own (man 7 sched, "The autogroup feature"). In a container neither reaches beyond it: there the engine's shares do.
    """
    os.nice(niceness)
    keep_yielding()


def keep_yielding() -> None:
    """In a session that was just begun: what this process yields counts for the session, too."""
    with suppress(OSError):  # no Linux, or one that does not group them
        AUTOGROUP.write_text(str(os.getpriority(os.PRIO_PROCESS, 0)), encoding="ascii")
