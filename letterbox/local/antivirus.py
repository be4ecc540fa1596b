"""clamd, for whoever says where its signatures are: the system's own (Debian: clamav-daemon), no wheel brings it."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from shutil import which

from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.part import Part

NAME = "antivirus"
PORTS = (NAME,)
SIGNATURES = "LETTERBOX_CLAMD_DATABASE"
"""Folder of the signatures; freshclam's is /var/lib/clamav."""
PLACES = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where a daemon may be that is not on everybody's PATH."""


def clamd() -> str | None:
    """The path of the program; None when it is not installed."""
    return which("clamd") or which("clamd", path=PLACES)


def antivirus_part(home: Home, ports: Mapping[str, int], signatures: str) -> Part:
    """The scanner on loopback. Raises CannotStart when it is not installed, or there are no signatures."""
    program = clamd()
    if program is None:
        raise CannotStart(f"{SIGNATURES} is set, but clamd is not installed (Debian: clamav-daemon).")
    if not Path(signatures).is_dir() or not any(Path(signatures).iterdir()):
        raise CannotStart(f"{SIGNATURES}: {signatures} holds no signatures; freshclam fetches them.")
    address, file = f"127.0.0.1:{ports[NAME]}", home.path / "clamd.conf"
    return Part(
        name=NAME,
        command=[program, "--config-file", str(file)],
        address=f"clamd://{address}",
        health=f"clamd://{address}",
        before=partial(home.write, file.name, _configuration(home, ports[NAME], signatures)),
    )


def _configuration(home: Home, port: int, signatures: str) -> str:
    return f"""# Written by the local stack.
Foreground yes
TCPAddr 127.0.0.1
TCPSocket {port}
DatabaseDirectory {Path(signatures).absolute()}
TemporaryDirectory {home.folder("clamd")}
LogTime yes
AlertExceedsMax yes
"""
