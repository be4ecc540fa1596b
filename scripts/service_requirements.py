"""What each image installs: the part of `requirements.lock` that one extra needs, as `deploy/requirements/<extra>.txt`.

The closure is taken from what is installed, judged for the images' Python and system, so no tool is needed for it.
"""

import re
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).parent.parent / "requirements.lock"
IMAGES = ("ingest", "storage", "indexer", "notifier", "search", "operator")
PYTHON = {"python_version": "3.13", "python_full_version": "3.13.0", "sys_platform": "linux", "os_name": "posix"}
"""The images' Python, where markers ask for it."""


def requirement_files() -> dict[str, str]:
    """For each image the text of its requirements: pinned, hashed, complete."""
    locked = _locked()
    files = {}
    for image in IMAGES:
        needed = _closure(image)
        missing = needed - set(locked)
        if missing:
            raise SystemExit(f"requirements.lock lacks {sorted(missing)}: make it anew (CONTRIBUTING.md).")
        files[f"{image}.txt"] = "".join(locked[name] for name in sorted(needed))
    return files


def _locked() -> dict[str, str]:
    blocks = re.split(r"(?m)^(?=[a-z0-9])", LOCK.read_text(encoding="utf-8"))
    return {canonicalize_name(block.partition("==")[0]): block for block in blocks if "==" in block}


def _closure(extra: str) -> set[str]:
    """The names of all packages that Letterbox needs with `extra`."""
    seen: set[tuple[str, str]] = set()
    waiting = [("letterbox", ""), ("letterbox", extra)]
    while waiting:
        package, chosen = waiting.pop()
        if (package, chosen) in seen:
            continue
        seen.add((package, chosen))
        for line in _requirements(package):
            wanted = Requirement(line)
            if wanted.marker and not wanted.marker.evaluate({**PYTHON, "extra": chosen}):
                continue
            name = canonicalize_name(wanted.name)
            waiting += [(name, ""), *((name, one) for one in wanted.extras)]
    return {package for package, _ in seen} - {"letterbox"}


def _requirements(package: str) -> list[str]:
    try:
        return requires(package) or []
    except PackageNotFoundError:
        raise SystemExit(f"{package} is not installed: its dependencies are not known.") from None
