"""Processes that can be stopped later, by anybody, without ever stopping another that got the same number."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Identity:
    """A process: its number and when it was started, which together are unique."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Identity":
        """The identity of a running process."""
        return cls(pid, _started(pid))

    def runs(self) -> bool:
        """Whether this very process still runs."""
        return self.started != "" and _started(self.pid) == self.started

    def send(self, number: signal.Signals) -> None:
        """Send a signal to its whole group; nothing happens when it is gone."""
        if not self.runs():
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def end(self, gently: signal.Signals, seconds: float) -> None:
        """Ask it to end, and make it end when it has not after `seconds`."""
        self.send(gently)
        until = time.monotonic() + seconds
        while self.runs() and time.monotonic() < until:
            time.sleep(0.05)
        self.send(signal.SIGKILL)
        until = time.monotonic() + 5
        while self.runs() and time.monotonic() < until:
            time.sleep(0.02)


def _started(pid: int) -> str:
    """When a process was started, in the kernel's ticks; empty when it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started
