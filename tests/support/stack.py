"""Isolated stacks for tests: homes and ports of their own, no process left behind."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from letterbox.local.home import Home
from letterbox.local.names import ALL
from letterbox.local.stack import LocalStack


@asynccontextmanager
async def isolated_stack(
    names: Collection[str] = ALL, environment: dict[str, dict[str, str]] | None = None, *, supervised: bool = False
) -> AsyncIterator[LocalStack]:
    """The parts `names` in a folder that is gone afterwards; killed parts stay down unless `supervised`."""
    folder = Path(tempfile.mkdtemp(prefix="letterbox-test-"))
    try:
        async with LocalStack(Home(folder), names, environment=environment or {}, supervised=supervised) as stack:
            yield stack
    finally:
        shutil.rmtree(folder, ignore_errors=True)
