"""`python -m tests.support.unprivileged`: owns a sandbox as a user without any privilege, and tells what it did.

Started as root it becomes such a user first: no capabilities, none to be had by running a program, as in a container
with `cap_drop: [ALL]` and `no-new-privileges`.
"""

import asyncio
import ctypes
import json
import os
import sys
import tempfile
from pathlib import Path

from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.support import files

SOMEBODY = 12345
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH = 0x20000, 0x1000, 0x4000, 1 << 18, 2
ATTEMPTS = ("network", "unix-socket", "write", "read", "environment", "fork", "exec", "signal", "memory")


def become_somebody() -> None:
    """Give up root and every way back."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.getuid() == 0:
        _open_python(libc)
        for capability in range(64):
            libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
        os.setgroups([])
        os.setresgid(SOMEBODY, SOMEBODY, SOMEBODY)
        os.setresuid(SOMEBODY, SOMEBODY, SOMEBODY)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _open_python(libc: ctypes.CDLL) -> None:
    """Where Python is root's alone (below /root, say), this process, and no other, sees it where anybody may look."""
    home = Path(sys.base_prefix)
    closed = next((folder for folder in reversed(home.parents) if not folder.stat().st_mode & 1), None)
    if closed is None:
        return
    aside = tempfile.mkdtemp()
    steps = (
        (b"none", b"/", None, MS_REC | MS_PRIVATE, None),
        (bytes(home), aside.encode(), None, MS_BIND, None),
        (b"tmpfs", bytes(closed), b"tmpfs", 0, b"mode=755"),
        (aside.encode(), bytes(home), None, MS_BIND, None),
    )
    done = libc.unshare(CLONE_NEWNS)
    for step in steps:
        if step[1] == bytes(home):
            home.mkdir(parents=True)
        done |= libc.mount(*step[:3], ctypes.c_ulong(step[3]), step[4])
    done |= libc.umount2(aside.encode(), MNT_DETACH)
    Path(aside).rmdir()
    if done:
        raise PermissionError("this Python is root's alone")


async def main() -> None:
    """Read three kinds of document, and try what no document may."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    told = {line.partition(":")[0]: line.partition(":")[2].split() for line in status}
    result: dict[str, object] = {"user": told["Uid"], "capabilities": told["CapEff"], "no_new": told["NoNewPrivs"]}
    async with Sandbox() as sandbox:
        for kind, content in (("application/pdf", files.pdf()), ("image/png", files.image("Lighthouse harbour"))):
            result[kind] = (await sandbox.read(content, kind, Limits())).pages[0]
        try:
            await sandbox.read(files.pixel_bomb(), "image/png", Limits())
        except Unreadable as refusal:
            result["bomb"] = refusal.reason
    async with Sandbox("tests.support.attempts:TASKS") as sandbox:
        for attempt in ATTEMPTS:
            result[attempt] = (await sandbox.read(attempt.encode(), "test", Limits(wall_seconds=20))).pages[0]
    print(json.dumps(result))


if __name__ == "__main__":
    become_somebody()
    asyncio.run(main())
