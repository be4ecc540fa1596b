"""What these tests need of the machine; without it they are skipped, and say so."""

import os
from pathlib import Path
from shutil import which

import pytest

from letterbox.local.monitoring import PROGRAMS

NEEDED = (*(program for program, _ in PROGRAMS.values()), "promtool", "amtool")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip this folder's tests where Debian's programs are not installed, and those that mount disks without root."""
    missing = [program for program in NEEDED if which(program) is None]
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"not installed: {', '.join(missing)}"))
        elif item.path.name == "test_faults.py" and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="mounting a small disk needs root"))
