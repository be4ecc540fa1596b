"""The warm process that forks one disposable child for each document.

It is started by sandbox.py without secrets in its environment, imports the readers once, and then only forks: a child
reads its document from one memory file, confines itself before it looks at a byte, writes its answer as JSON to
another, and ends. This process never touches a document. It ends, with its children, when the service does.
"""

import array
import contextlib
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from services.indexer import confinement
from services.indexer.extract.results import Extracted, Limits, Unreadable, broken, too_large

MESSAGE_BYTES = 16_384
Reader = Callable[[bytes, str, Limits], Extracted]


@dataclass(slots=True)
class Child:
    """A document being read."""

    job: int
    pid: int
    deadline: float
    overdue: bool = False


def main() -> None:
    """Serve requests from the socket whose number is the first argument, with the reader named by the second."""
    control = socket.socket(fileno=int(sys.argv[1]))
    module, _, function = sys.argv[2].partition(":")
    reader: Reader = getattr(importlib.import_module(module), function)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    confinement.die_with_parent()
    control.send(b"{}")  # ready
    Zygote(control, reader).serve()


class Zygote:
    """Forks children, ends those that take too long, and tells how each ended."""

    def __init__(self, control: socket.socket, reader: Reader) -> None:
        self._control = control
        self._reader = reader
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the service closes its end."""
        while True:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._control:
                    if not self._begin():
                        self._kill_all()
                        return
                else:
                    self._ended(key.fd)
            self._end_overdue()

    def _patience(self) -> float | None:
        if not self._children:
            return None
        return max(0.0, min(child.deadline for child in self._children.values()) - time.monotonic())

    def _begin(self) -> bool:
        message, descriptors = _receive(self._control)
        if not message:
            return False
        request = json.loads(message)
        document, answer = descriptors
        limits = Limits(**request["limits"])
        pid = os.fork()
        if pid == 0:
            self._control.close()
            self._selector.close()
            _read(document, answer, request["content_type"], limits, self._reader)
        os.close(document)
        os.close(answer)
        watch = os.pidfd_open(pid)
        self._children[watch] = Child(request["job"], pid, time.monotonic() + limits.wall_seconds)
        self._selector.register(watch, selectors.EVENT_READ)
        return True

    def _ended(self, watch: int) -> None:
        child = self._children.pop(watch)
        self._selector.unregister(watch)
        os.close(watch)
        _, status = os.waitpid(child.pid, 0)
        _kill_group(child.pid)
        answer = {"job": child.job, "exit": os.waitstatus_to_exitcode(status), "overdue": child.overdue}
        with contextlib.suppress(BrokenPipeError):
            self._control.send(json.dumps(answer).encode())

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if now >= child.deadline and not child.overdue:
                child.overdue, child.deadline = True, now + 60
                _kill_group(child.pid)

    def _kill_all(self) -> None:
        for child in self._children.values():
            _kill_group(child.pid)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _receive(control: socket.socket) -> tuple[bytes, list[int]]:
    descriptors = array.array("i")
    message, ancillary, _, _ = control.recvmsg(MESSAGE_BYTES, socket.CMSG_LEN(2 * descriptors.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, list(descriptors)


def _read(document: int, answer: int, content_type: str, limits: Limits, reader: Reader) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        os.setsid()
        confinement.die_with_parent()
        content = os.pread(document, os.fstat(document).st_size, 0)
        os.close(document)
        confinement.confine(limits.memory_bytes, limits.cpu_seconds, limits.output_bytes)
        text = json.dumps(_outcome(content, content_type, limits, reader)).encode()
        view, written = memoryview(text), 0
        while written < len(view):
            written += os.write(answer, view[written:])
        code = 0
    except confinement.CannotConfine:
        code = 70
    except (MemoryError, OSError):
        code = 71
    finally:
        os._exit(code)  # no clean-up: the readers' own may crash, and there is nothing to clean up


def _outcome(content: bytes, content_type: str, limits: Limits, reader: Reader) -> dict[str, Any]:
    try:
        return {"extracted": reader(content, content_type, limits).as_json()}
    except Unreadable as fault:
        return _refused(fault)
    except MemoryError:
        return _refused(too_large())
    except Exception as error:  # noqa: BLE001 - what a reader's bug raises on a hostile file is that file's fault here
        return _refused(broken()) | {"error": type(error).__name__}


def _refused(fault: Unreadable) -> dict[str, Any]:
    return {"unreadable": [fault.reason, fault.message]}


if __name__ == "__main__":
    main()
