"""What all rows share: a row of the table, stacks and processes to measure in, and a cheap load generator."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from letterbox.local.home import REPOSITORY, Home
from letterbox.local.stack import LocalStack

RATES_OFF = {"LETTERBOX_RATE_PER_ADDRESS": "off", "LETTERBOX_RATE_PER_FORM": "off"}
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table."""

    what: str
    ours: str
    baseline: str
    ratio: float
    bar: str
    ok: bool

    @classmethod
    def at_least(
        cls, what: str, ours: Sequence[float], baseline: Sequence[float], bar: float | None, unit: str
    ) -> "Row":
        """Rates: the median of ours over the median of the baseline's."""
        mine, other = statistics.median(ours), statistics.median(baseline)
        ratio = mine / other
        text = "no bar" if bar is None else f"≥ {bar:g}"
        return cls(what, f"{mine:,.0f} {unit}", f"{other:,.0f} {unit}", ratio, text, bar is None or ratio >= bar)

    @classmethod
    def at_most(
        cls, what: str, ours: Sequence[float], baseline: Sequence[float], bar: float | None, unit: str
    ) -> "Row":
        """Costs: the median of ours over the median of the baseline's."""
        mine, other = statistics.median(ours), statistics.median(baseline)
        ratio = mine / other
        text = "no bar" if bar is None else f"≤ {bar:g}"
        return cls(what, f"{mine:,.1f} {unit}", f"{other:,.1f} {unit}", ratio, text, bar is None or ratio <= bar)


@asynccontextmanager
async def stack_for(
    names: Collection[str], environment: dict[str, dict[str, str]] | None = None
) -> AsyncIterator[LocalStack]:
    """A stack of its own, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="letterbox-bench-"))
    try:
        async with LocalStack(Home(folder), names, environment=environment or {}) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def process(
    module: str, *arguments: str, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m MODULE` as a process of its own, ended afterwards; what it prints can be read."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments,
        env={**os.environ, **(environment or {})}, cwd=REPOSITORY, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(15):
                    await child.wait()
            except TimeoutError:
                child.kill()
                await child.wait()


async def output_of(
    module: str, *arguments: str, environment: dict[str, str] | None = None, seconds: float = 300
) -> str:
    """What `python -m MODULE` prints until it ends by itself."""
    async with process(module, *arguments, environment=environment) as child:
        assert child.stdout is not None
        async with asyncio.timeout(seconds):
            text = (await child.stdout.read()).decode()
            if await child.wait():
                raise RuntimeError(f"{module} failed: {text[-2000:]}")
    return text


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float, pause: float = 0.1) -> None:
    """Wait for something, for a limited time."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(pause)


def resident_bytes(pid: int) -> int:
    """The memory that a process holds now (VmRSS)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0
