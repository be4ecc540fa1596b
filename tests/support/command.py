"""The operator's command, run as a process against a test's stack."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from letterbox.local.home import REPOSITORY
from letterbox.local.stack import LocalStack

SECONDS = 120


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


async def letterbox(stack: LocalStack, *arguments: str) -> Done:
    """`letterbox ARGUMENTS` in the home of `stack`."""
    return await at_home(stack.home.path, *arguments)


async def at_home(home: Path, *arguments: str, **environment: str) -> Done:
    """`letterbox ARGUMENTS` in a folder where no stack needs to run."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "letterbox", *arguments,
        env={**os.environ, "LETTERBOX_HOME": str(home), **environment}, cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS):
        out, err = await child.communicate()
    return Done(child.returncode or 0, out.decode(), err.decode())
