"""A part of the stack: how it is started, where it is, and how to tell that it is healthy."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from shutil import which
from sys import executable

from letterbox.local.failure import CannotStart


@dataclass(frozen=True, slots=True)
class Part:
    """One child process."""

    name: str
    command: list[str]
    address: str
    """Where it serves, for people and programs."""
    health: str
    """URL that answers 200 while it is healthy; `postgresql://…` is logged in to, `clamd://…` is pinged instead."""
    environment: dict[str, str] = field(default_factory=dict)
    stop: signal.Signals = signal.SIGTERM
    seconds_to_stop: float = 12.0
    before: Callable[[], object] | None = None
    """Runs each time before the process is started."""


def program(name: str, package: str) -> str:
    """The path of a server that a wheel brought. Raises CannotStart when it is not installed."""
    try:
        version(package)
    except PackageNotFoundError:
        path = None
    else:
        path = which(name, path=str(Path(executable).parent)) or which(name)
    if path is None:
        raise CannotStart(
            f"{package} is missing; `.venv/bin/pip install --require-hashes -r requirements.lock` brings it."
        )
    return path
