"""Other authors' documents: fetched once with pip, by version and hash, and kept beside the virtual environment."""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PINNED = Path(__file__).parent / "sources.txt"
KEPT = Path(sys.prefix) / "corpus"
"""Ignored by Git and gone with `make clean`."""
FETCH_SECONDS = 120
AT_ONCE = 3


class NotFetched(Exception):
    """The package index cannot be reached, or gives something else than what is pinned."""


def fetched() -> Path:
    """The folder with a folder for each package's documents. Raises NotFetched."""
    pinned = [line for line in PINNED.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    folder = KEPT / hashlib.sha256("\n".join(pinned).encode()).hexdigest()[:16]
    if not (folder / "complete").exists():
        archives = KEPT / "archives"
        archives.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda line: _download(line, archives), pinned))
        for line in pinned:
            _unpack(_archive(line, archives), folder / line.partition("==")[0])
        (folder / "complete").touch()
    return folder


def _download(line: str, archives: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as requirement:
        requirement.write(line + "\n")
        requirement.flush()
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", ":all:", "--require-hashes", "--dest", str(archives), "-r", requirement.name]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=FETCH_SECONDS)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            raise NotFetched(line.split()[0]) from error


def _archive(line: str, archives: Path) -> Path:
    name, _, version = line.split()[0].partition("==")
    return archives / f"{name.replace('-', '_')}-{version}.tar.gz"


def _unpack(archive: Path, folder: Path) -> None:
    """Its files without the outermost folder."""
    with tarfile.open(archive) as tar:
        for member in _files(tar):
            content = tar.extractfile(member)
            assert content is not None
            place = folder / member.name.partition("/")[2]
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.read())


def _files(tar: tarfile.TarFile) -> Iterable[tarfile.TarInfo]:
    return (member for member in tar if member.isfile() and ".." not in Path(member.name).parts)
