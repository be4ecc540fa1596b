"""The operator's command, run as a process against a test's stack."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
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
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "letterbox", *arguments,
        env={**os.environ, "LETTERBOX_HOME": str(stack.home.path)}, cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS):
        out, err = await child.communicate()
    return Done(child.returncode or 0, out.decode(), err.decode())
