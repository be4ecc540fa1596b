"""Each limit of the sandbox is proven by a reader that tries to break it; the readers are below, in this file."""

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from services.indexer.extract.results import Extracted
from services.indexer.sandbox import Limits, Sandbox, SandboxFailed, Unreadable

MEBIBYTE = 1 << 20
QUICK = Limits(wall_seconds=20, cpu_seconds=20)


def _answer(text: str) -> Extracted:
    return Extracted(pages=(text,), extractor="test")


def _denied(attempt: object) -> str:
    try:
        attempt()  # type: ignore[operator]
    except (OSError, MemoryError) as error:
        return f"denied: {type(error).__name__}"
    return "allowed"


def hostile(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """A reader that does what `content` says, and tells whether it was allowed."""
    attempts = {
        b"network": lambda: socket.socket(socket.AF_INET),
        b"unix socket": lambda: socket.socket(socket.AF_UNIX),
        b"write": lambda: Path("/tmp/letterbox-sandbox-escape").write_text("out"),
        b"read": lambda: Path("/etc/passwd").read_text(),
        b"environment": lambda: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
        b"fork": os.fork,
        b"exec": lambda: subprocess.run(["/bin/true"], check=False),
        b"kill": lambda: os.kill(os.getppid(), signal.SIGKILL),
        b"memory": lambda: bytearray(4 << 30),
    }
    if content == b"spin":
        while True:
            pass
    if content == b"sleep":
        threading.Event().wait()
    if content == b"crash":
        ctypes.string_at(0)
    if content == b"flood":
        return _answer("x" * (2 * limits.output_bytes))
    if content == b"bug":
        raise RuntimeError("a reader's bug")
    if content == b"secrets":
        return _answer(str(sorted(os.environ)))
    if content in attempts:
        return _answer(_denied(attempts[content]))
    return _answer(content.decode())


TASKS = {"read": hostile}


@pytest.fixture(scope="module")
async def sandbox():
    os.environ["LETTERBOX_SECRET_OF_THE_TEST"] = "visible"
    async with Sandbox(tasks="tests.unit.test_sandbox:TASKS") as sandbox:
        yield sandbox
    del os.environ["LETTERBOX_SECRET_OF_THE_TEST"]


@pytest.mark.parametrize(
    "attempt", ["network", "unix socket", "write", "read", "environment", "fork", "exec", "kill", "memory"]
)
async def test_what_no_document_needs_is_denied(sandbox: Sandbox, attempt: str) -> None:
    extracted = await sandbox.read(attempt.encode(), "test", QUICK)
    assert extracted.pages[0].startswith("denied")
    assert not Path("/tmp/letterbox-sandbox-escape").exists()


async def test_no_secret_reaches_the_process_that_reads(sandbox: Sandbox) -> None:
    extracted = await sandbox.read(b"secrets", "test", QUICK)
    assert "LETTERBOX" not in extracted.pages[0]


@pytest.mark.parametrize(
    ("attempt", "limits", "reason"),
    [
        (b"spin", Limits(cpu_seconds=1, wall_seconds=30), "too_slow"),
        (b"sleep", Limits(wall_seconds=1), "too_slow"),
        (b"flood", Limits(output_bytes=MEBIBYTE), "too_large"),
        (b"crash", QUICK, "broken"),
        (b"bug", QUICK, "broken"),
    ],
)
async def test_a_document_that_goes_beyond_a_limit_ends_alone(
    sandbox: Sandbox, attempt: bytes, limits: Limits, reason: str
) -> None:
    healthy = asyncio.create_task(sandbox.read(b"healthy", "test", QUICK))
    with pytest.raises(Unreadable) as refusal:
        await sandbox.read(attempt, "test", limits)
    assert refusal.value.reason == reason
    assert (await healthy).pages == ("healthy",)


async def test_the_warm_process_is_started_again_when_it_dies() -> None:
    async with Sandbox(tasks="tests.unit.test_sandbox:TASKS") as sandbox:
        pid = sandbox.process_id
        reading = asyncio.create_task(sandbox.read(b"sleep", "test", QUICK))
        await asyncio.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxFailed):
            await reading
        assert (await sandbox.read(b"healthy", "test", QUICK)).pages == ("healthy",)
        assert sandbox.process_id != pid


async def test_no_process_is_left_behind() -> None:
    async with Sandbox(tasks="tests.unit.test_sandbox:TASKS") as sandbox:
        pid = sandbox.process_id
        reading = asyncio.create_task(sandbox.read(b"sleep", "test", QUICK))
        await asyncio.sleep(0.3)
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        assert children
    with pytest.raises(SandboxFailed):
        await reading
    for _ in range(100):
        if not any(Path(f"/proc/{process}").exists() for process in (pid, *children)):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the sandbox left a process behind")
