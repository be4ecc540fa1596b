"""Each protection of the sandbox is proven by a reader that tries to break it, and by its success without it."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from services.indexer.sandbox import Limits, Sandbox, SandboxFailed, Unreadable
from tests.support.attempts import ESCAPED

MEBIBYTE = 1 << 20
QUICK = Limits(wall_seconds=20, cpu_seconds=20)
ATTEMPTS = "tests.support.attempts:TASKS"
WEAKENED = "tests.support.weakened:without"

GUARDS = {
    "network": ("seccomp",),
    "unix-socket": ("seccomp",),
    "connect": ("seccomp", "landlock"),
    "write": ("landlock",),
    "read": ("landlock",),
    "environment": ("landlock",),
    "fork": ("seccomp",),
    "exec": ("seccomp", "landlock"),
    "signal": ("seccomp", "landlock"),
    "trace": ("seccomp", "landlock"),
    "memory": ("memory",),
    "open": ("descriptors",),
    "privileges": ("capabilities",),
}
"""What no document needs, and the protections that bar it; where there are two, each does so alone."""


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    os.environ["LETTERBOX_SECRET_OF_THE_TEST"] = "visible"
    async with Sandbox(ATTEMPTS) as sandbox:
        yield sandbox
    del os.environ["LETTERBOX_SECRET_OF_THE_TEST"]


@pytest.fixture
def listener() -> Iterator[int]:
    """A port on loopback that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def _told(sandbox: Sandbox, attempt: str, limits: Limits = QUICK) -> str:
    return (await sandbox.read(attempt.encode(), "test", limits)).pages[0]


def _without(*protections: str) -> Sandbox:
    return Sandbox("_".join((WEAKENED, *protections)), reserves=0)


def _doing(attempt: str, port: int) -> str:
    return f"{attempt} {port}" if attempt == "connect" else attempt


@pytest.mark.parametrize("attempt", GUARDS)
async def test_what_no_document_needs_is_denied(sandbox: Sandbox, listener: int, attempt: str) -> None:
    assert (await _told(sandbox, _doing(attempt, listener))).startswith("denied")
    assert not ESCAPED.exists()


@pytest.mark.parametrize("attempt", GUARDS)
async def test_without_its_guards_the_same_attempt_succeeds(listener: int, attempt: str) -> None:
    if attempt == "privileges" and os.getuid() != 0:
        return  # who is not root has none to give up
    async with _without(*GUARDS[attempt]) as weakened:
        told = await _told(weakened, _doing(attempt, listener))
    ESCAPED.unlink(missing_ok=True)
    assert told.startswith("allowed")


@pytest.mark.parametrize(
    ("attempt", "off"), [(attempt, off) for attempt, guards in GUARDS.items() if len(guards) > 1 for off in guards]
)
async def test_where_there_are_two_guards_each_denies_alone(listener: int, attempt: str, off: str) -> None:
    async with _without(off) as weakened:
        assert (await _told(weakened, _doing(attempt, listener))).startswith("denied")


async def test_no_secret_reaches_the_process_that_reads(sandbox: Sandbox) -> None:
    assert "LETTERBOX" not in await _told(sandbox, "secrets")


async def test_a_child_holds_nothing_that_leads_to_another_document(sandbox: Sandbox) -> None:
    others = [asyncio.create_task(_told(sandbox, "sleep 1")) for _ in range(3)]
    await asyncio.sleep(0.3)
    held = (await _told(sandbox, "descriptors")).split(" ")[1:]
    assert [name for name in held if "answer" not in name and name not in ("/dev/null", "(deleted)")] == []
    assert sum("answer" in name for name in held) == 1
    await asyncio.gather(*others)


@pytest.mark.parametrize(
    ("attempt", "limits", "reason"),
    [
        ("spin", Limits(cpu_seconds=1, wall_seconds=30), "too_slow"),
        ("sleep", Limits(wall_seconds=1), "too_slow"),
        (f"flood {2 * MEBIBYTE}", Limits(output_bytes=MEBIBYTE), "too_large"),
        ("crash", QUICK, "broken"),
        ("bug", QUICK, "broken"),
    ],
)
async def test_a_document_that_goes_beyond_a_limit_ends_alone(
    sandbox: Sandbox, attempt: str, limits: Limits, reason: str
) -> None:
    healthy = asyncio.create_task(_told(sandbox, "healthy"))
    with pytest.raises(Unreadable) as refusal:
        await _told(sandbox, attempt, limits)
    assert refusal.value.reason == reason
    assert await healthy == "healthy"


@pytest.mark.parametrize(
    ("off", "attempt", "limits"),
    [
        ("cpu", "spin 3", Limits(cpu_seconds=1, wall_seconds=30)),
        ("deadline", "sleep 2", Limits(wall_seconds=1)),
    ],
)
async def test_without_its_limit_the_same_document_goes_on(off: str, attempt: str, limits: Limits) -> None:
    async with _without(off) as weakened:
        assert (await _told(weakened, attempt, limits)).startswith("allowed")


async def test_without_the_limit_of_output_it_is_written_and_only_then_refused() -> None:
    async with _without("output") as weakened:
        with pytest.raises(Unreadable) as refusal:
            await _told(weakened, f"flood {2 * MEBIBYTE}", Limits(output_bytes=MEBIBYTE))
    assert refusal.value.reason == "broken", "the service reads no more than the limit"


@pytest.mark.parametrize("group", [True, False])
async def test_a_child_is_ended_with_all_that_it_started(group: bool) -> None:
    """Seccomp is off, or there would be nothing to end."""
    async with _without(*["seccomp"] if group else ["seccomp", "group"]) as weakened:
        pid = int((await _told(weakened, "fork")).rpartition(" ")[2])
        ended = await _ends(pid)
    if not ended:
        os.kill(pid, signal.SIGKILL)
    assert ended == group


async def _ends(pid: int) -> bool:
    for _ in range(20):
        try:
            if Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z":
                return True
        except FileNotFoundError:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_children_wait_in_reserve_and_each_reads_one_document() -> None:
    async with Sandbox(ATTEMPTS, reserves=2) as reserved:
        waiting = await _reserves(reserved, 2)
        await asyncio.gather(*(_told(reserved, "healthy") for _ in range(5)))
        assert not set(waiting) & set(await _reserves(reserved, 2))


async def _reserves(sandbox: Sandbox, count: int) -> list[str]:
    for _ in range(100):
        if len(_children(sandbox)) == count:
            break
        await asyncio.sleep(0.05)
    assert len(_children(sandbox)) == count
    return _children(sandbox)


def _children(sandbox: Sandbox) -> list[str]:
    pid = sandbox.process_id
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


async def test_a_reserve_that_was_killed_harms_no_document() -> None:
    async with Sandbox(ATTEMPTS, reserves=1) as reserved:
        os.kill(int((await _reserves(reserved, 1))[0]), signal.SIGKILL)
        await _reserves(reserved, 0)
        assert await _told(reserved, "healthy") == "healthy"


async def test_the_warm_process_is_started_again_when_it_dies() -> None:
    async with Sandbox(ATTEMPTS) as sandbox:
        pid = sandbox.process_id
        reading = asyncio.create_task(_told(sandbox, "sleep"))
        await asyncio.sleep(0.3)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxFailed):
            await reading
        assert await _told(sandbox, "healthy") == "healthy"
        assert sandbox.process_id != pid


async def test_no_process_is_left_behind() -> None:
    async with Sandbox(ATTEMPTS) as sandbox:
        pid = sandbox.process_id
        reading = asyncio.create_task(_told(sandbox, "sleep"))
        await asyncio.sleep(0.3)
        children = _children(sandbox)
        assert children
    with pytest.raises(SandboxFailed):
        await reading
    for _ in range(100):
        if not any(Path(f"/proc/{process}").exists() for process in (pid, *children)):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the sandbox left a process behind")
