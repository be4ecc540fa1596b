"""A reader for the sandbox that does what its document says, however hostile, and tells whether it was allowed."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from services.indexer.extract.results import Extracted, Limits

ESCAPED = Path("/tmp/letterbox-sandbox-escape")
PTRACE_SEIZE = 0x4206


def attempt(content: bytes, content_type: str, limits: Limits) -> Extracted:
    """Do what `content` says."""
    what, _, argument = content.decode().partition(" ")
    if what not in ATTEMPTS:
        return _answer(content.decode())
    try:
        return _answer(f"allowed: {ATTEMPTS[what](argument)}")
    except (OSError, MemoryError) as error:
        return _answer(f"denied: {type(error).__name__}")


def _answer(text: str) -> Extracted:
    return Extracted(pages=(text,), extractor="test")


def _connect(port: str) -> None:
    with socket.create_connection(("127.0.0.1", int(port)), timeout=5):
        pass


def _spin(seconds: str) -> None:
    until = time.process_time() + float(seconds or 3600)
    while time.process_time() < until:
        pass


def _leave_a_process(_: str) -> int:
    pid = os.fork()
    if pid == 0:
        os.closerange(0, 64)
        threading.Event().wait()
    return pid


def _descriptors(_: str) -> str:
    return " ".join(sorted(str(each.readlink()) for each in list(Path("/proc/self/fd").iterdir()) if each.exists()))


def _privileges(_: str) -> str:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    permitted = next(line.split()[1] for line in status.splitlines() if line.startswith("CapPrm:"))
    if int(permitted, 16) == 0:
        raise PermissionError
    return permitted


def _bug(_: str) -> None:
    raise RuntimeError("a reader's bug")


ATTEMPTS: dict[str, Callable[[str], object]] = {
    "network": lambda _: socket.socket(socket.AF_INET),
    "unix-socket": lambda _: socket.socket(socket.AF_UNIX),
    "connect": _connect,
    "write": lambda _: ESCAPED.write_text("out"),
    "read": lambda _: Path("/etc/passwd").read_text()[:4],
    "environment": lambda _: len(Path(f"/proc/{os.getppid()}/environ").read_bytes()),
    "fork": _leave_a_process,
    "exec": lambda _: subprocess.run(["/bin/true"], check=False),
    "signal": lambda _: os.kill(os.getppid(), 0),
    "trace": lambda _: _checked(ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, os.getppid(), 0, 0)),
    "memory": lambda _: len(bytearray(4 << 30)),
    "open": lambda _: [os.open("/dev/null", os.O_RDONLY) for _ in range(200)][-1],
    "privileges": _privileges,
    "spin": _spin,
    "sleep": lambda seconds: threading.Event().wait(float(seconds or 3600)),
    "crash": lambda _: ctypes.string_at(0),
    "flood": lambda size: "x" * int(size),
    "bug": _bug,
    "secrets": lambda _: sorted(os.environ),
    "descriptors": _descriptors,
    "end": lambda _: os.kill(os.getppid(), signal.SIGKILL),
}


def _checked(result: int) -> None:
    if result < 0:
        raise PermissionError(ctypes.get_errno())


TASKS = {"read": attempt}
