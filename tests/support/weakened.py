"""Tasks of a sandbox without some of its protections, to prove that the tests of these would fail without them.

They are taken away by name: `Sandbox("tests.support.weakened:without_landlock_seccomp")`. It is the warm process that
imports this module, and nothing in the product can name it: there is no switch there.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Mapping

from services.indexer import confinement
from services.indexer.zygote import Task
from tests.support.attempts import TASKS


def __getattr__(name: str) -> Mapping[str, Task]:
    if not name.startswith("without_"):
        raise AttributeError(name)
    for part in name.split("_")[1:]:
        _take_away(part)
    return TASKS


def _take_away(part: str) -> None:
    warm = sys.modules["__main__"]
    if part in confinement.LAYERS:
        del confinement.LAYERS[part]
    elif part in confinement.RESOURCES:
        del confinement.RESOURCES[part]
    elif part == "deadline":
        warm.Zygote._end_overdue = lambda self: None  # type: ignore[attr-defined]
    elif part == "group":
        warm.kill_group = _kill_alone  # type: ignore[attr-defined]
    elif part == "capabilities":
        warm.drop_capabilities = lambda: None  # type: ignore[attr-defined]
    else:
        raise AttributeError(part)


def _kill_alone(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
