"""The folder of one local stack: its data, secrets, ports and logs."""

import hashlib
import json
import os
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path

from letterbox.local.failure import CannotStart

REPOSITORY = Path(__file__).resolve().parent.parent.parent
PORTS = "20000-32000"
"""Below the range that systems take outgoing ports from; `LETTERBOX_PORTS` chooses another."""
LEAST_FREE_BYTES = 200 << 20


class Home:
    """One stack's folder; only its owner may look inside."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @classmethod
    def from_environment(cls) -> "Home":
        """`LETTERBOX_HOME`, or `.letterbox` beside the code."""
        return cls(Path(os.environ.get("LETTERBOX_HOME") or REPOSITORY / ".letterbox"))

    def prepare(self) -> None:
        """Make the folder. Raises CannotStart when it cannot be written or the disk is full."""
        try:
            for folder in (self.path, self.path / "secrets", self.logs):
                folder.mkdir(parents=True, exist_ok=True)
                folder.chmod(0o700)
            probe = self.path / ".probe"
            probe.write_bytes(b"x" * 65_536)
            probe.unlink()
            status = os.statvfs(self.path)
        except OSError as error:
            raise CannotStart(
                f"{self.path} cannot be written: {error.strerror}. LETTERBOX_HOME chooses another."
            ) from None
        if status.f_bavail * status.f_frsize < LEAST_FREE_BYTES:
            raise CannotStart(f"The disk of {self.path} is full: less than {LEAST_FREE_BYTES >> 20} MiB are free.")

    @property
    def logs(self) -> Path:
        """Where each part's log is, by its name."""
        return self.path / "logs"

    def folder(self, name: str) -> Path:
        """A part's data."""
        folder = self.path / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        return folder

    def write(self, name: str, text: str) -> Path:
        """Write a file that only the owner may read, whole or not at all."""
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        draft.replace(file)
        return file

    def secret(self, name: str) -> Path:
        """The file of a secret, made the first time."""
        file = self.path / "secrets" / name
        if not file.exists():
            self.write(f"secrets/{name}", secrets.token_urlsafe(32))
        return file

    def stopped(self) -> set[str]:
        """The parts that are to stay down, because somebody stopped them."""
        folder = self.path / "stopped"
        return {file.name for file in folder.iterdir()} if folder.is_dir() else set()

    def mark_stopped(self, name: str) -> None:
        """From now on the part stays down when it ends."""
        self.folder("stopped").joinpath(name).touch()

    def unmark_stopped(self, name: str) -> None:
        """The part is wanted again."""
        (self.path / "stopped" / name).unlink(missing_ok=True)

    def owner_key(self) -> Path:
        """The owner's key, made the first time, and its hash in `keys.json`, which is all that search gets."""
        file = self.path / "owner.key"
        if not file.exists():
            self.write("owner.key", f"lbx_{secrets.token_urlsafe(32)}\n")
        digest = hashlib.sha256(file.read_text(encoding="utf-8").strip().encode()).hexdigest()
        if not (self.path / "keys.json").exists():
            self.write("keys.json", json.dumps({"keys": [{"id": "owner", "sha256": digest}]}, indent=2) + "\n")
        return file

    def ports(self, names: Iterable[str]) -> dict[str, int]:
        """A port for each name: the one it had before when that is free, otherwise another free one."""
        file = self.path / "ports.json"
        remembered: dict[str, int] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        chosen: dict[str, int] = {}
        choice = _range_of_ports()
        for name in names:
            port = remembered.get(name, 0)
            while port in chosen.values() or not is_free(port):
                port = secrets.choice(choice)
            chosen[name] = port
        self.write("ports.json", json.dumps(remembered | chosen, indent=2) + "\n")
        return chosen


def _range_of_ports() -> range:
    text = os.environ.get("LETTERBOX_PORTS") or PORTS
    first, _, last = text.partition("-")
    if not (first.isdigit() and last.isdigit() and 0 < int(first) < int(last) < 65_536):
        raise CannotStart(f"LETTERBOX_PORTS must be two ports like {PORTS}, not {text!r}.")
    return range(int(first), int(last) + 1)


def is_free(port: int) -> bool:
    """Whether nobody listens on the port on this machine."""
    if not port:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
