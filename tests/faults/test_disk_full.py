"""A full disk, under NATS and under PostgreSQL: nothing is accepted that is not kept, and all goes on after it."""

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from letterbox.local.home import Home
from letterbox.local.stack import LocalStack
from tests.support.command import letterbox
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

SIZES = {"nats": "24m", "postgres": "160m"}


def mounted(disk: Path, size: str) -> bool:
    """Put a small disk there, if this machine lets us."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(disk)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def unmount(disk: Path) -> None:
    """Take it away again."""
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@asynccontextmanager
async def small_disk(part: str) -> AsyncIterator[tuple[Visitor, Path]]:
    """A stack whose `part` keeps its data on a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = Path(tempfile.mkdtemp(prefix="letterbox-test-"))
    disk = folder / part
    disk.mkdir(mode=0o700)
    if not mounted(disk, SIZES[part]):
        shutil.rmtree(folder)
        pytest.skip("a small disk cannot be mounted here")
    try:
        async with LocalStack(Home(folder), environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
            yield visitor, disk
    finally:
        unmount(disk)
        shutil.rmtree(folder, ignore_errors=True)


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    ballast = disk / "ballast"
    try:
        with ballast.open("wb", buffering=0) as file:
            while True:
                file.write(b"\0" * 4096)
    except OSError:
        return ballast


@pytest.mark.parametrize("part", SIZES)
async def test_a_full_disk_loses_nothing_that_was_accepted(part: str) -> None:
    async with small_disk(part) as (visitor, disk):
        stack = visitor.stack
        kept = [(await visitor.send(files=[("a.txt", b"Before.")])).id for _ in range(2)]
        for one in kept:
            await visitor.ended(one)
        ballast = fill(disk)
        refused, message = 0, "Full. " * 2000
        for answer in await asyncio.gather(*(visitor.send({"message": message}) for _ in range(24))):
            assert answer.status in (202, 503), answer.text
            if answer.status == 202:
                kept.append(answer.id)
            else:
                refused += 1
                assert int(answer.headers["Retry-After"]) > 0
        assert (refused > 0) is (part == "nats")
        ballast.unlink()
        await stack.stop(part)  # a server may have given up on its disk: an operator starts it again
        await stack.start(part)

        async def accepted() -> str | None:
            answer = await visitor.send({"message": "After."})
            return answer.id if answer.status == 202 else None

        kept.append(await eventually(accepted))
        for one in kept:
            assert (await visitor.ended(one))["status"] == "done"
            assert len(visitor.mails(one)) == 2
            assert len(await visitor.found("", contact_id=one)) >= 1

        async def clean() -> bool:
            return (await letterbox(stack, "verify", "--grace", "0")).status == 0

        await eventually(clean)
