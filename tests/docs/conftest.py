"""A reader's machine: a copy of the repository, and a stack of its own behind `make up`."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY
from tests.docs.pages import pages
from tests.docs.shell import Differs, Shell, follow
from tests.support.ports import free_port

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".letterbox", ".env", "secrets", "__pycache__", "*.egg-info", "build", ".*_cache"
)


class Reader:
    """Somebody who has a clone, and follows pages in it."""

    def __init__(self, home: Path) -> None:
        self.clone = home / "letterbox"
        shutil.copytree(REPOSITORY, self.clone, ignore=NOT_COPIED, symlinks=True)
        (self.clone / ".venv").symlink_to(REPOSITORY / ".venv")
        for name in ("requirements.lock", "pyproject.toml"):  # older than the installation: make installs nothing anew
            os.utime(self.clone / name, (0, 0))
        self.port = free_port()
        self.followed: dict[str, int] = {}
        self.begun: set[str] = set()

    @property
    def environment(self) -> dict[str, str]:
        """What the reader's shell has: nothing of the tests', and the stack's own place."""
        kept = {name: os.environ[name] for name in ("HOME", "USER", "LOGNAME", "TMPDIR") if name in os.environ}
        return kept | {
            "PATH": f"{self.clone / '.venv/bin'}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "COLUMNS": "120",
            "LETTERBOX_HOME": str(self.clone / ".letterbox"),
            "LETTERBOX_PORT": str(self.port),
            "LETTERBOX_PORTS": os.environ["LETTERBOX_PORTS"],
        }

    def shell(self) -> Shell:
        """A new shell in the clone."""
        return Shell(self.clone, self.environment)

    def follow(self, path: str) -> int:
        """Type a page's commands, once, after those of the page that it builds on; returns how many were typed."""
        page = next(page for page in pages() if page.path == path)
        if page.after:
            self.follow(page.after)
        if path not in self.followed:
            if path in self.begun:
                raise Differs(f"{path} could not be followed")
            self.begun.add(path)
            with self.shell() as shell:
                self.ready(shell)
                self.followed[path] = follow(page, shell, self.port)
        return self.followed[path]

    @staticmethod
    def ready(shell: Shell) -> None:
        """The stack is up, as every page assumes."""
        answer = shell.type("make up")
        assert answer.status == 0, answer.printed


@pytest.fixture(scope="session")
def reader() -> Iterator[Reader]:
    """A reader whose stack is down, and whose clone is gone, afterwards."""
    home = Path(tempfile.mkdtemp(prefix="letterbox-docs-"))
    try:
        reader = Reader(home)
        try:
            yield reader
        finally:
            with reader.shell() as shell:
                shell.type("make down")
    finally:
        shutil.rmtree(home, ignore_errors=True)
