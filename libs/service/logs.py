"""Logs: one JSON object a line on standard output, with the service's name and the trace id of the work at hand.

No personal data is logged: call sites pass ids. The audit log (who searched, who downloaded) is the logger `audit`.
"""

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, TextIO

from prometheus_client import Counter

from libs.service.log_fields import AUDIT
from libs.service.tracing import ids

LINES = Counter("log_lines_total", "Lines of this service's log.", ["level"])
LEVELS = ("debug", "info", "warning", "error", "critical")
MOST_LINES = 100
FLUSH_SECONDS = 0.2

_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON; what was passed as `extra` becomes fields of its own."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service
        self._second, self._prefix = -1, ""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "ts": self._time(record.created),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace_id, span_id = ids()
        if trace_id:
            line |= {"trace_id": trace_id, "span_id": span_id}
        for key in record.__dict__.keys() - _STANDARD:
            line[key] = record.__dict__[key]
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = _where(record.exc_info[1], record.exc_info[2])
        return _encode(line)

    def _time(self, seconds: float) -> str:
        """RFC 3339 with milliseconds; the part to the second is made once a second."""
        whole = int(seconds)
        if whole != self._second:
            self._second, self._prefix = whole, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        return f"{self._prefix}.{int((seconds - whole) * 1000):03d}Z"


class BatchingHandler(logging.Handler):
    """Writes lines together: at once from a warning on and those of the audit log, otherwise with the next `flush`.

    A write for each line costs more than all else that is done for it. A crash may take the last lines below a warning
    along; nothing depends on them.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []
        self._counts = [LINES.labels(level) for level in LEVELS]

    def emit(self, record: logging.LogRecord) -> None:
        """Take one line."""
        self._lines.append(self.format(record))  # here, while the trace of the work at hand is known
        self._counts[min(max(record.levelno // 10, 1), len(LEVELS)) - 1].inc()
        if record.levelno >= logging.WARNING or record.name == AUDIT or len(self._lines) >= MOST_LINES:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        with self.lock or contextlib.nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()


def configure(service: str, level: str) -> logging.Handler:
    """Send every log line of this process to standard output as JSON; returns the handler, which wants flushing."""
    # What no line shows need not be looked up for each (Python's logging how-to, "Optimization").
    logging._srcfile = None
    for looked_up in ("logThreads", "logProcesses", "logMultiprocessing", "logAsyncioTasks"):
        setattr(logging, looked_up, False)
    handler = BatchingHandler(sys.stdout)
    handler.setFormatter(JsonFormatter(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger(AUDIT).setLevel(logging.INFO)  # whatever else is logged
    for noisy in ("botocore", "aiobotocore", "urllib3", "nats", "httpx", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    return handler


@contextlib.asynccontextmanager
async def flushing(handler: logging.Handler) -> AsyncIterator[None]:
    """Flush now and then, while inside."""

    async def flush() -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            handler.flush()

    task = asyncio.create_task(flush())
    try:
        yield
    finally:
        task.cancel()
        handler.flush()


def _where(error: BaseException, traceback: TracebackType | None) -> dict[str, Any]:
    """An exception's type and where it went; not its text, which may hold what a visitor wrote."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return {"type": type(error).__name__, "frames": frames[-12:]}
