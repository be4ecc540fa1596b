"""Images of the profiles: Debian's programs under the real names, and stand-ins for those that no package brings.

A stand-in is nothing but a page that says so; what it shows is that the gateway, networks, rights and health checks
around it are right, and nothing of the program itself.
"""

import re
import shutil
import subprocess
from functools import partial
from pathlib import Path

from tests.compose import images
from tests.support.clamd import MARKER

HERE = Path(__file__).parent
DEBIAN = {
    "prom/prometheus:v3.16.0": ("prometheus", "/bin/prometheus"),
    "prom/alertmanager:v0.34.0": ("prometheus-alertmanager", "/bin/alertmanager"),
    "prom/node-exporter:v1.12.1": ("prometheus-node-exporter", "/bin/node_exporter"),
    "prom/blackbox-exporter:v0.28.0": ("prometheus-blackbox-exporter", "/bin/blackbox_exporter"),
    "prometheuscommunity/postgres-exporter:v0.20.1": ("prometheus-postgres-exporter", "/bin/postgres_exporter"),
}
"""Debian's program of that package, and its place in the real image."""
NEVER_RUN = {
    "grafana/grafana:13.1.3": (3000, "/run.sh"),
    "grafana/loki:3.7.8": (3100, "/usr/bin/loki"),
    "grafana/tempo:3.0.3": (3200, "/tempo"),
    "grafana/alloy:v1.18.1": (12345, "/bin/alloy"),
    "natsio/prometheus-nats-exporter:0.20.1": (7777, "/prometheus-nats-exporter"),
    "dpage/pgadmin4:9.17": (5050, "/entrypoint.sh"),
}
"""What no package brings: the port that the stand-in listens on, and the real image's entry point."""
CLAMAV = "clamav/clamav:1.4.6"
SIGNATURE = "Letterbox.Test.Marker"
TEMPLATES = Path("/usr/share/prometheus/alertmanager")
"""What Debian's Alertmanager reads beside its configuration; the real one has it inside."""
OF_THE_BASE = re.compile(r"/(ld-linux[^/]*|lib(c|m|dl|rt|pthread)\.so[^/]*)$")


def missing(*packages: str) -> str:
    """Which of Debian's packages are not installed; empty when all are there."""
    programs = {"clamav-daemon": "clamd", **{name: name for name, _ in DEBIAN.values()}}
    absent = [name for name in packages or programs if _program(programs[name]) is None]
    return f"not installed (Debian): {', '.join(absent)}" if absent else ""


def build() -> None:
    """Build all that are missing or stale."""
    programs = {name: (_program(package), place) for name, (package, place) in DEBIAN.items()}
    works = [partial(_debian, name, program, place) for name, (program, place) in programs.items() if program]
    works += [partial(_stand_in, name, port, place) for name, (port, place) in NEVER_RUN.items()]
    with images.alone():
        images.some_at_once([*works, _clamav])


def _program(name: str) -> Path | None:
    found = shutil.which(name, path="/usr/bin:/usr/sbin:/bin:/sbin")
    return Path(found) if found else None


def _debian(name: str, program: Path, place: str) -> None:
    if images.is_there(name):
        return
    with images.empty_root() as root:
        images.copy(program, _at(root, place))
        if name.startswith("prom/alertmanager"):
            shutil.copytree(TEMPLATES, root / str(TEMPLATES)[1:])
        images.image(name, root, f'ENTRYPOINT ["{place}"]')


def _stand_in(name: str, port: int, place: str) -> None:
    if images.is_there(name):
        return
    with images.empty_root() as root:
        images.copy(HERE / "stand_in.py", _at(root, place))
        images.image(name, root, f"ENV STAND_IN_FOR={name} STAND_IN_PORT={port}", f'ENTRYPOINT ["{place}"]')


def _clamav() -> None:
    """Debian's clamd with its libraries; in freshclam's place what puts one signature of our own there, and waits."""
    daemon = _program("clamd")
    freshclam = f"#!/bin/sh\necho '{SIGNATURE}:0:*:{MARKER.hex()}' > /var/lib/clamav/test.ndb\nexec sleep infinity\n"
    if daemon is None or images.is_there(CLAMAV):
        return
    linked = subprocess.run(["ldd", daemon], capture_output=True, text=True, check=True).stdout
    libraries = [Path(path) for path in re.findall(r"=> (/\S+)", linked) if not OF_THE_BASE.search(path)]
    with images.empty_root() as root:
        for library in libraries:
            images.copy(library, root / "opt/clamav" / library.name)
        images.copy(daemon, root / "opt/clamav/clamd")
        _script(root / "usr/local/bin/clamd", '#!/bin/sh\nLD_LIBRARY_PATH=/opt/clamav exec /opt/clamav/clamd "$@"\n')
        _script(root / "usr/local/bin/freshclam", freshclam)
        images.copy(HERE / "nc.py", root / "usr/local/bin/nc")
        images.image(CLAMAV, root)


def _at(root: Path, place: str) -> Path:
    """Where an image's file goes: /bin is a link in the base, which a folder of that name would take the place of."""
    return root / place.replace("/bin/", "/usr/bin/", 1 if place.startswith("/bin/") else 0)[1:]


def _script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
