"""The documents as pages of fenced blocks, and the commands in them.

A fence names its language. `sh` holds commands, `output` what the last command before it prints, `console` both (`$ `
before a command). A comment before the block says what is special: see CONTRIBUTING.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from letterbox.local.home import REPOSITORY

FOLDERS = ("docs", "bench", "deploy")
TOP = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
OPENING = re.compile(r"^ *(`{3,}|~{3,})(.*)$")
NOTE = re.compile(r"^<!-- (not run|run by|exit|in any order|after|needs)(?:: (.*?))? -->$")


@dataclass(frozen=True)
class Command:
    """One command as a reader types it, and what the page says it prints (None: nothing is said)."""

    text: str
    line: int
    expected: str | None = None
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        """Whether it is typed by the test of its page."""
        return not self.notes.keys() & {"not run", "run by"}

    @property
    def status(self) -> int:
        """The exit status that the page promises."""
        return int(self.notes.get("exit", "0"))


@dataclass(frozen=True)
class Block:
    """A fenced block with the notes that stand before it."""

    language: str
    lines: tuple[str, ...]
    line: int
    notes: dict[str, str]


@dataclass(frozen=True)
class Page:
    """One document."""

    path: str
    """From the repository's root."""
    blocks: tuple[Block, ...]
    commands: tuple[Command, ...]
    after: str = ""
    """The page that has to be followed first."""
    needs: tuple[str, ...] = ()
    """Programs that the page assumes."""


def paths() -> list[Path]:
    """All documents that a reader may follow."""
    found = [REPOSITORY / name for name in TOP]
    for folder in FOLDERS:
        found += sorted((REPOSITORY / folder).rglob("*.md"))
    return found


@cache
def pages() -> tuple[Page, ...]:
    """All documents, read."""
    return tuple(read(path.relative_to(REPOSITORY).as_posix(), path.read_text(encoding="utf-8")) for path in paths())


def read(path: str, text: str) -> Page:
    """The page at `path`, whose text is `text`. Raises ValueError for a fence that is never closed."""
    blocks: list[Block] = []
    notes: dict[str, str] = {}
    after, needs = "", ""
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if note := NOTE.match(line.strip()):
            notes[note[1]] = note[2] or ""
            after, needs = notes.pop("after", after), notes.pop("needs", needs)
        elif opening := OPENING.match(line):
            blocks.append(Block(opening[2].strip(), tuple(_inside(lines, opening[1], path, number)), number, notes))
            notes = {}
        elif line.strip():
            notes = {}
    return Page(path, tuple(blocks), tuple(_commands(blocks)), after, tuple(needs.split()))


def _inside(lines: Iterator[tuple[int, str]], fence: str, path: str, opened: int) -> list[str]:
    found = []
    for _, line in lines:
        if line.strip().startswith(fence):
            return found
        found.append(line)
    raise ValueError(f"{path}:{opened}: this block is never closed")


def _commands(blocks: list[Block]) -> list[Command]:
    commands: list[Command] = []
    for block in blocks:
        if block.language in ("sh", "bash", "shell"):
            commands += [Command(text, line, None, block.notes) for text, line in _split(block.lines, block.line)]
        elif block.language == "console":
            commands += _console(block)
        elif block.language == "output" and commands:
            last = commands.pop()
            expected = "\n".join(block.lines)
            commands.append(Command(last.text, last.line, expected, last.notes | block.notes))
    return commands


def _console(block: Block) -> list[Command]:
    """Commands after `$ ` (and `> ` where they go on), each with the lines that follow."""
    commands: list[tuple[list[str], int, list[str]]] = []
    for number, line in enumerate(block.lines, block.line + 1):
        if line.startswith("$ "):
            commands.append(([line[2:]], number, []))
        elif line.startswith("> ") and commands and not commands[-1][2]:
            commands[-1][0].append(line[2:])
        elif commands:
            commands[-1][2].append(line)
    return [Command("\n".join(typed), number, "\n".join(printed), block.notes) for typed, number, printed in commands]


def _split(lines: tuple[str, ...], opened: int) -> list[tuple[str, int]]:
    """Each command of a block, with its line: lines belong together until the shell would run them."""
    commands: list[tuple[str, int]] = []
    typed: list[str] = []
    for number, line in enumerate(lines, opened + 1):
        if not typed and (not line.strip() or line.lstrip().startswith("#")):
            continue
        typed.append(line)
        text = "\n".join(typed)
        if _whole(text):
            commands.append((text, number - len(typed) + 1))
            typed = []
    if typed:
        commands.append(("\n".join(typed), opened + 1))
    return commands


def _whole(text: str) -> bool:
    """Whether a shell would run this, instead of waiting for more."""
    if text.endswith("\\"):
        return False
    if not re.search(r"""['"`<({]|\b(if|for|while|until|case)\b""", text):
        return True
    done = subprocess.run(["bash", "-n", "-c", text], capture_output=True, text=True, check=False)
    return done.returncode == 0 and "here-document" not in done.stderr
