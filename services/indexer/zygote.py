"""The warm process that forks one disposable child for each document.

It is started by sandbox.py without secrets in its environment, imports the readers once, and then only forks. A child
confines itself before there is a document; then it is handed one in a memory file, writes its answer to another (the
length of a JSON header, the header, then what is bytes), and ends. Some children wait in reserve, so a document waits
for none to be made. This process never touches a document. It ends, with its children, when the service does.
"""

import array
import contextlib
import gc
import importlib
import json
import math
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.indexer.confinement import CannotConfine, Confinement, die_with_parent, drop_capabilities, limit
from services.indexer.extract.results import Limits, Outcome, Unreadable, broken, too_large
from services.indexer.priority import keep_yielding

MESSAGE_BYTES = 16_384
HEADER_LENGTH_BYTES = 4
CANNOT_CONFINE = 70
OUT_OF_SPACE = 71
Task = Callable[[bytes, str, Limits], Outcome]


Tasks = Mapping[str, Task]
"""What children can be asked to do: from a name to a function of content, content type and limits."""


@dataclass(slots=True)
class Child:
    """A process that reads a document, or waits for one."""

    pid: int
    channel: socket.socket
    """Where it gets its document; a child whose channel is closed has one."""
    job: int = 0
    deadline: float = math.inf
    overdue: bool = False


def main() -> None:
    """Serve requests from the socket of the first argument, with the tasks named by the second; the third: reserves."""
    control = socket.socket(fileno=int(sys.argv[1]))
    tasks = prepared(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    drop_capabilities()
    try:
        confinement = Confinement.prepared()
    except CannotConfine:
        confinement = None
    gc.collect()
    gc.freeze()  # a child's collector then leaves the pages that it shares with this process alone
    zygote = Zygote(control, tasks, confinement, reserves=int(sys.argv[3]))
    control.send(b"{}")  # ready
    zygote.serve()


def prepared(place: str) -> Tasks:
    """Those named by a module and a name in it, after what the module's `prepare` does, where it has one."""
    name, _, tasks = place.partition(":")
    module = importlib.import_module(name)
    getattr(module, "prepare", lambda: None)()
    found: Tasks = getattr(module, tasks)
    return found


class Zygote:
    """Forks children, ends those that take too long, and tells how each ended."""

    def __init__(self, control: socket.socket, tasks: Tasks, confinement: Confinement | None, reserves: int) -> None:
        self._control = control
        self._tasks = tasks
        self._confinement = confinement
        self._reserves = reserves
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(control, selectors.EVENT_READ)

    def serve(self) -> None:
        """Until the service closes its end."""
        self._fill()
        while True:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._control:
                    if not self._begin():
                        self._kill_all()
                        return
                elif key.fd in self._children:
                    self._ended(key.fd)
            self._end_overdue()

    def _patience(self) -> float | None:
        deadline = min((child.deadline for child in self._children.values()), default=math.inf)
        return None if deadline == math.inf else max(0.0, deadline - time.monotonic())

    def _begin(self) -> bool:
        message, descriptors = _receive(self._control)
        if not message:
            return False
        request = json.loads(message)
        child = self._reserve() or self._fork()
        child.job, child.deadline = request["job"], time.monotonic() + request["limits"]["wall_seconds"]
        with contextlib.suppress(OSError):  # it has just died: told as its end
            socket.send_fds(child.channel, [message], descriptors)
        child.channel.close()
        for descriptor in descriptors:
            os.close(descriptor)
        self._fill()
        return True

    def _fill(self) -> None:
        """Make up the reserve. Only here and never when a child in reserve ends: what ends them would end the next."""
        for _ in range(self._reserves - sum(child.job == 0 for child in self._children.values())):
            self._fork()

    def _reserve(self) -> Child | None:
        for watch, child in list(self._children.items()):
            if child.job == 0:
                if os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                    return child
                self._ended(watch)
        return None

    def _fork(self) -> Child:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        pid = os.fork()
        if pid == 0:
            _live(theirs, self._tasks, self._confinement)
        theirs.close()
        watch = os.pidfd_open(pid)
        child = self._children[watch] = Child(pid, ours)
        self._selector.register(watch, selectors.EVENT_READ)
        return child

    def _ended(self, watch: int) -> None:
        child = self._children.pop(watch)
        self._selector.unregister(watch)
        os.close(watch)
        _, status, used = os.wait4(child.pid, 0)
        kill_group(child.pid)
        child.channel.close()
        if child.job == 0:
            return
        answer = {
            "job": child.job,
            "exit": os.waitstatus_to_exitcode(status),
            "overdue": child.overdue,
            "cpu_seconds": used.ru_utime + used.ru_stime,
            "peak_bytes": used.ru_maxrss * 1024,
        }
        with contextlib.suppress(BrokenPipeError):
            self._control.send(json.dumps(answer).encode())

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for child in self._children.values():
            if now >= child.deadline and not child.overdue:
                child.overdue, child.deadline = True, now + 60
                kill_group(child.pid)

    def _kill_all(self) -> None:
        for child in self._children.values():
            kill_group(child.pid)
        for child in self._children.values():
            os.waitpid(child.pid, 0)


def kill_group(pid: int) -> None:
    """End a child and whatever it may have started."""
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


def _live(channel: socket.socket, tasks: Tasks, confinement: Confinement | None) -> None:
    """The child's whole life; never returns."""
    code = 1
    try:
        os.setsid()
        keep_yielding()
        die_with_parent()
        if confinement is None:
            raise CannotConfine
        _close_all_but(channel.fileno(), *(descriptor for descriptor, _ in confinement.readable))
        confinement.enter()
        message, descriptors = _receive(channel)
        channel.close()
        if message:
            document, answer = descriptors
            _do(json.loads(message), document, answer, tasks)
        code = 0
    except CannotConfine:
        code = CANNOT_CONFINE
    except (MemoryError, OSError):
        code = OUT_OF_SPACE
    finally:
        os._exit(code)  # no clean-up: the readers' own may crash, and there is nothing to clean up


def _close_all_but(*kept: int) -> None:
    """What leads to the warm process or to another document is not for this child."""
    begin = 3
    for descriptor in sorted(kept):
        os.closerange(begin, descriptor)
        begin = descriptor + 1
    os.closerange(begin, 1 << 20)


def _do(request: dict[str, object], document: int, answer: int, tasks: Tasks) -> None:
    limits = Limits(**request["limits"])  # type: ignore[arg-type]
    limit(limits)
    content = os.pread(document, os.fstat(document).st_size, 0)
    os.close(document)
    told, blobs = _outcome(tasks[str(request["task"])], content, str(request["content_type"]), limits)
    text = json.dumps({**told, "blobs": [len(blob) for blob in blobs]}, ensure_ascii=False)
    header = text.encode(errors="surrogatepass")  # as json.loads decodes; escapes would take three times as long
    for part in (len(header).to_bytes(HEADER_LENGTH_BYTES, "big"), header, *blobs):
        _write(answer, part)


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
