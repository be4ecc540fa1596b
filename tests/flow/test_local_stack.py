"""`letterbox up`, `down` and `status` as a person uses them, and what happens when things go wrong.

With homes and ports of their own, as CONTRIBUTING.md tells.
"""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY
from letterbox.local.process import Identity
from tests.support.ports import free_port

LETTERBOX = Path(os.environ.get("VIRTUAL_ENV") or REPOSITORY / ".venv") / "bin" / "letterbox"


class Operator:
    """Runs the command with a home and a port of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(LETTERBOX), *arguments],
            env={**os.environ, "LETTERBOX_HOME": str(self.home), "LETTERBOX_PORT": str(self.port), **environment},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    def status(self) -> dict[str, dict[str, object]]:
        return {part["name"]: part for part in json.loads(self("status", "--json").stdout)}

    def processes(self) -> list[Identity]:
        state = json.loads((self.home / "stack.json").read_text())
        return [Identity(part["pid"], part["started"]) for part in (state["launcher"], *state["parts"].values())]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    operator = Operator(tmp_path / "home")
    yield operator
    operator("down")


PARTS = {"nats", "postgres", "object-store", "caddy", "mail", "ingest", "storage", "indexer", "notifier", "search"}


def test_up_brings_everything_survives_deaths_and_down_leaves_nothing(operator: Operator) -> None:
    up = operator("up")
    assert up.returncode == 0, up.stdout + up.stderr
    key = (operator.home / "owner.key").read_text().strip()
    assert key in up.stdout
    assert f"http://127.0.0.1:{operator.port}/contact" in up.stdout
    parts = operator.status()
    assert set(parts) == PARTS
    assert all(part["healthy"] for part in parts.values())

    again = operator("up")
    assert (again.returncode, "runs already" in again.stdout) == (0, True)

    ingest = int(str(parts["ingest"]["pid"]))
    os.kill(ingest, signal.SIGKILL)
    until = time.monotonic() + 30
    while time.monotonic() < until:
        now = operator.status()["ingest"]
        if now["pid"] != ingest and now["healthy"]:
            break
        time.sleep(0.2)
    else:
        pytest.fail("ingest was not started again")

    modes = {file.name: file.stat().st_mode & 0o777 for file in (operator.home / "secrets").iterdir()}
    assert set(modes.values()) == {0o600}
    assert (operator.home / "owner.key").stat().st_mode & 0o777 == 0o600
    assert operator.home.stat().st_mode & 0o777 == 0o700
    assert all(key not in file.read_text(errors="replace") for file in (operator.home / "logs").iterdir())

    processes = operator.processes()
    down = operator("down")
    assert down.returncode == 0, down.stdout + down.stderr
    assert not any(process.runs() for process in processes)
    assert operator("status").returncode == 1


def test_down_stops_everything_after_the_launcher_has_crashed(operator: Operator) -> None:
    assert operator("up").returncode == 0
    processes = operator.processes()
    os.kill(processes[0].pid, signal.SIGKILL)
    while processes[0].runs():
        time.sleep(0.02)
    assert all(process.runs() for process in processes[1:])
    assert "crashed" in operator("status").stdout
    assert "crashed" in operator("down").stdout
    assert not any(process.runs() for process in processes)


def test_a_port_in_use_is_named_with_what_to_do(operator: Operator) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", operator.port))
        other.listen()
        up = operator("up")
    assert up.returncode == 1
    assert f"Port {operator.port} is in use" in up.stderr
    assert "LETTERBOX_PORT" in up.stderr
    assert not (operator.home / "stack.json").exists()


def test_a_service_that_cannot_start_is_named_with_its_reason_and_nothing_stays(operator: Operator) -> None:
    up = operator("up", LETTERBOX_RATE_PER_ADDRESS="often")
    assert up.returncode == 1
    assert "ingest" in up.stderr
    assert "LETTERBOX_RATE_PER_ADDRESS" in up.stderr
    assert not (operator.home / "stack.json").exists()


def test_a_home_that_cannot_be_written_is_a_clear_message(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    up = Operator(tmp_path / "file" / "home")("up")
    assert up.returncode == 1
    assert "cannot be written" in up.stderr
    assert "Traceback" not in up.stderr


def test_a_full_disk_is_a_clear_message() -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = Path("/run") / f"letterbox-test-{os.getpid()}"
    folder.mkdir()
    mounted = (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False).returncode == 0
    )
    try:
        if not mounted:
            pytest.skip("no file system can be mounted here")
        up = Operator(folder / "home")("up")
        assert up.returncode == 1
        assert "is full" in up.stderr
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def test_a_missing_wheel_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from letterbox.local import part
    from letterbox.local.failure import CannotStart

    with pytest.raises(CannotStart, match=r"no-such-server is missing.*pip install"):
        part.program("no-such-server", "no-such-server")
