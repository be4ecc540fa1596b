"""A shell that a reader types a page's commands into, one after the other."""

import contextlib
import os
import re
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from tests.docs.compare import first_difference, has_shape
from tests.docs.pages import Command, Page

SECONDS = 120
"""After which a command is taken for hanging."""


class Differs(AssertionError):
    """A command did not do what its page says."""


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it printed on both outputs."""

    status: int
    printed: str


class Shell:
    """One bash in `folder`: variables and files of one command are there for the next."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._folder = folder
        self._printed = folder.parent / "printed"
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"], cwd=folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._send("set -o pipefail")

    def __enter__(self) -> "Shell":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._bash.pid, signal.SIGKILL)
        self._bash.communicate()

    def type(self, command: str) -> Answer:
        """Run `command` and wait for its end. Raises Differs when there is none."""
        self._send(f"{{\n{command}\n}} </dev/null >{self._printed} 2>&1; echo ended $?")
        line = self._line()
        if not line.startswith("ended "):
            raise Differs(f"the shell did not run this:\n{command}\n{line}")
        return Answer(int(line.split()[1]), self._printed.read_text(encoding="utf-8", errors="replace"))

    def _send(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(f"{text}\n".encode())
        self._bash.stdin.flush()

    def _line(self) -> str:
        assert self._bash.stdout is not None
        until, received = time.monotonic() + SECONDS, b""
        while not received.endswith(b"\n"):
            ready, _, _ = select.select([self._bash.stdout], [], [], max(0.0, until - time.monotonic()))
            more = os.read(self._bash.stdout.fileno(), 1) if ready else b""
            if not more:
                return f"(no end within {SECONDS} s, or the shell has gone) {received.decode()}"
            received += more
        return received.decode()


def follow(page: Page, shell: Shell, port: int) -> int:
    """Type every command of `page` that is to be typed, on a stack whose gateway has `port`; returns how many.

    Raises Differs at the first that ends with another status than the page says, or prints something of another shape.
    """
    typed = 0
    for command in page.commands:
        if not command.runs:
            continue
        answer = shell.type(_here(command.text, port))
        _judge(page, command, Answer(answer.status, answer.printed.replace(f":{port}", ":8080")))
        typed += 1
    return typed


def _here(text: str, port: int) -> str:
    return re.sub(r"(127\.0\.0\.1|localhost):8080", rf"\1:{port}", text)


def _judge(page: Page, command: Command, answer: Answer) -> None:
    where = f"{page.path}:{command.line}: {command.text}\n"
    if answer.status != command.status:
        raise Differs(f"{where}ended with {answer.status}, not {command.status}:\n{answer.printed[-3000:]}")
    expected = command.expected
    if expected is None or has_shape(expected, answer.printed, in_any_order="in any order" in command.notes):
        return
    raise Differs(f"{where}printed:\n{answer.printed[-3000:]}\n{first_difference(expected, answer.printed)}")
