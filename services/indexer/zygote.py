"""The warm process that forks one disposable child for each document.

It is started by sandbox.py without secrets in its environment, imports the readers once, and then only forks: a child
reads its document from one memory file, confines itself before it looks at a byte, writes its answer to another (the
length of a JSON header, the header, then what is bytes), and ends. This process never touches a document. It ends,
with its children, when the service does.
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.indexer import confinement
from services.indexer.extract.results import Limits, Outcome, Unreadable, broken, too_large

MESSAGE_BYTES = 16_384
HEADER_LENGTH_BYTES = 4
Task = Callable[[bytes, str, Limits], Outcome]
Tasks = Mapping[str, Task]
"""What children can be asked to do: from a name to a function of content, content type and limits."""


@dataclass(slots=True)
class Child:
    """A document being read."""

    job: int
    pid: int
    deadline: float
    overdue: bool = False


def main() -> None:
    """Serve requests from the socket whose number is the first argument, with the tasks named by the second."""
    control = socket.socket(fileno=int(sys.argv[1]))
    module, _, name = sys.argv[2].partition(":")
    tasks: Tasks = getattr(importlib.import_module(module), name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    confinement.die_with_parent()
    control.send(b"{}")  # ready
    Zygote(control, tasks).serve()


class Zygote:
    """Forks children, ends those that take too long, and tells how each ended."""

    def __init__(self, control: socket.socket, tasks: Tasks) -> None:
        self._control = control
        self._tasks = tasks
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
            _work(document, answer, self._tasks[request["task"]], request["content_type"], limits)
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


def _work(document: int, answer: int, task: Task, content_type: str, limits: Limits) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        os.setsid()
        confinement.die_with_parent()
        content = os.pread(document, os.fstat(document).st_size, 0)
        os.close(document)
        confinement.confine(limits.memory_bytes, limits.cpu_seconds, limits.output_bytes)
        told, blobs = _outcome(task, content, content_type, limits)
        header = json.dumps({**told, "blobs": [len(blob) for blob in blobs]}, ensure_ascii=False).encode()
        for part in (len(header).to_bytes(HEADER_LENGTH_BYTES, "big"), header, *blobs):
            _write(answer, part)
        code = 0
    except confinement.CannotConfine:
        code = 70
    except (MemoryError, OSError):
        code = 71
    finally:
        os._exit(code)  # no clean-up: the readers' own may crash, and there is nothing to clean up


def _write(descriptor: int, content: bytes) -> None:
    view, written = memoryview(content), 0
    while written < len(view):
        written += os.write(descriptor, view[written:])


def _outcome(
    task: Task, content: bytes, content_type: str, limits: Limits
) -> tuple[dict[str, object], tuple[bytes, ...]]:
    try:
        told, blobs = task(content, content_type, limits).told()
    except Unreadable as fault:
        return _refused(fault), ()
    except MemoryError:
        return _refused(too_large()), ()
    except Exception as error:  # noqa: BLE001 - what a reader's bug raises on a hostile file is that file's fault here
        return {**_refused(broken()), "error": type(error).__name__}, ()
    return {"told": told}, blobs


def _refused(fault: Unreadable) -> dict[str, object]:
    return {"unreadable": [fault.reason, fault.message]}


if __name__ == "__main__":
    main()
