"""The sandbox: reads a hostile document in a disposable process, and gives back text or the document's own fault."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from prometheus_client import Counter, Histogram

from libs.service.tracing import current, keep_error, span
from services.indexer.extract.results import Extracted, Limits, Member, Unreadable, broken, too_large, too_slow
from services.indexer.zygote import CANNOT_CONFINE, HEADER_LENGTH_BYTES, OUT_OF_SPACE

__all__ = ["Extracted", "Limits", "Member", "Sandbox", "SandboxFailed", "Unreadable"]

log = logging.getLogger(__name__)

ENDS = Counter("sandbox_ends_total", "How the processes that read documents ended.", ["how"])
CPU_SECONDS = Histogram(
    "sandbox_cpu_seconds",
    "Processor time of a process that read a document.",
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60),
)
PEAK_BYTES = Histogram(
    "sandbox_peak_bytes",
    "Most memory that a process that read a document held.",
    buckets=tuple(size << 20 for size in (64, 128, 256, 512, 1024, 1536)),
)

START_SECONDS = 120.0
GRACE_SECONDS = 10.0
SIGXCPU, SIGKILL, SIGXFSZ = 24, 9, 25

KEPT_VARIABLES = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""What the warm process gets of the environment: nothing that holds a secret."""


class SandboxFailed(Exception):
    """The sandbox itself does not work now; the document is not to blame."""


class Sandbox:
    """Reads documents; several at once. An async context manager: its processes end with it."""

    def __init__(
        self,
        tasks: str = "services.indexer.extract.tasks:TASKS",
        environment: Mapping[str, str] | None = None,
        reserves: int | None = None,
    ) -> None:
        """`tasks`: see zygote.prepared; `environment`: what the readers are told beside the document, nothing secret;
        `reserves`: processes that wait for a document, by default one a processor.
        """
        self._tasks = tasks
        self._environment = dict(environment or {})
        self._reserves = len(os.sched_getaffinity(0)) if reserves is None else reserves
        self._starting = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._jobs = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> "Sandbox":
        await self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stop()

    @property
    def process_id(self) -> int:
        """The warm process, 0 when it does not run."""
        return self._process.pid if self._process is not None else 0

    async def read(self, content: bytes, content_type: str, limits: Limits) -> Extracted:
        """The text of `content`, whose type was sniffed before.

        Raises Unreadable when the document cannot be read within `limits`, SandboxFailed when nothing can be read.
        """
        told, blobs = await self.run("read", content, content_type, limits)
        try:
            return Extracted.heard(told, blobs)
        except (ValueError, KeyError, TypeError):
            raise broken() from None

    async def run(
        self, task: str, content: bytes, content_type: str, limits: Limits
    ) -> tuple[dict[str, Any], Sequence[bytes]]:
        """What `task` (see extract/tasks.py) tells of `content`: as hostile as that. Raises as `read` does."""
        try:
            with span("sandbox", attributes={"letterbox.task": task}):
                return await self._done(task, content, content_type, limits)
        except Unreadable as fault:
            keep_error("sandbox", fault.reason, current(), {"letterbox.task": task})
            raise

    async def _done(
        self, task: str, content: bytes, content_type: str, limits: Limits
    ) -> tuple[dict[str, Any], Sequence[bytes]]:
        control = await self._started()
        document, answer = os.memfd_create("document"), os.memfd_create("answer")
        try:
            _write_all(document, content)
            ended = await self._run(control, document, answer, task, content_type, limits)
            told = os.pread(answer, min(os.fstat(answer).st_size, limits.output_bytes), 0)
        finally:
            os.close(document)
            os.close(answer)
        return _judge(told, ended)

    async def _run(
        self, control: socket.socket, document: int, answer: int, task: str, content_type: str, limits: Limits
    ) -> dict[str, Any]:
        self._jobs += 1
        job = self._jobs
        request = {"job": job, "task": task, "content_type": content_type, "limits": asdict(limits)}
        ended = self._waiting[job] = asyncio.get_running_loop().create_future()
        try:
            socket.send_fds(control, [json.dumps(request).encode()], [document, answer])
            async with asyncio.timeout(limits.wall_seconds + GRACE_SECONDS):
                outcome: dict[str, Any] = await ended
        except OSError as error:  # TimeoutError is one, too
            raise SandboxFailed(f"the warm process does not answer: {type(error).__name__}") from None
        finally:
            self._waiting.pop(job, None)
        CPU_SECONDS.observe(outcome["cpu_seconds"])
        PEAK_BYTES.observe(outcome["peak_bytes"])
        return outcome

    async def _started(self) -> socket.socket:
        async with self._starting:
            if self._control is not None and self._process is not None and self._process.returncode is None:
                return self._control
            await self._stop()
            return await self._start()

    async def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        environment |= {"HF_HUB_OFFLINE": "1", "HOME": "/nonexistent", "OMP_THREAD_LIMIT": "1"} | self._environment
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "services.indexer.zygote",
                str(theirs.fileno()),
                self._tasks,
                str(self._reserves),
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
        ours.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(START_SECONDS):
                ready = await loop.sock_recv(ours, 16)
        except TimeoutError:
            ready = b""
        if not ready:
            ours.close()
            raise SandboxFailed("the warm process did not start")
        self._control = ours
        loop.add_reader(ours.fileno(), self._hear)
        return ours

    def _hear(self) -> None:
        assert self._control is not None
        try:
            message = self._control.recv(4096)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            message = b""
        if not message:
            log.error("the sandbox's warm process ended; it is started again with the next document")
            self._forget()
            return
        ended = json.loads(message)
        future = self._waiting.get(ended["job"])
        if future is not None and not future.done():
            future.set_result(ended)

    def _forget(self) -> None:
        if self._control is not None:
            asyncio.get_running_loop().remove_reader(self._control.fileno())
            self._control.close()
            self._control = None
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(SandboxFailed("the warm process ended"))

    async def _stop(self) -> None:
        self._forget()
        if self._process is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2):
                await self._process.wait()
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        self._process = None


def _write_all(descriptor: int, content: bytes) -> None:
    view, written = memoryview(content), 0
    while written < len(view):
        written += os.write(descriptor, view[written:])


def _judge(told: bytes, ended: dict[str, Any]) -> tuple[dict[str, Any], Sequence[bytes]]:
    """The child's answer, which is as hostile as its document, or what its end says without one."""
    code = ended["exit"]
    if ended["overdue"]:
        ENDS.labels("overdue").inc()
        raise too_slow()
    if code == 0:
        ENDS.labels("answered").inc()
        return _answer(told)
    ENDS.labels(f"signal {-code}" if code < 0 else f"code {code}").inc()
    if code == CANNOT_CONFINE:
        raise SandboxFailed("this machine cannot confine a process (Landlock and seccomp are needed)")
    if code in (-SIGXCPU, -SIGKILL):
        raise too_slow()
    if code in (OUT_OF_SPACE, -SIGXFSZ):
        raise too_large()
    raise broken()


def _answer(told: bytes) -> tuple[dict[str, Any], Sequence[bytes]]:
    try:
        begin = HEADER_LENGTH_BYTES + int.from_bytes(told[:HEADER_LENGTH_BYTES], "big")
        header = json.loads(told[HEADER_LENGTH_BYTES:begin])
        if "unreadable" in header:
            reason, message = header["unreadable"]
            raise Unreadable(str(reason)[:64], str(message)[:300])
        blobs = []
        for size in header["blobs"]:
            blobs.append(told[begin : begin + size])
            begin += size
        return dict(header["told"]), blobs
    except (ValueError, KeyError, TypeError):
        raise broken() from None
