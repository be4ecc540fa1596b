"""The release file of a host: which image each container runs, and a label that follows the files mounted into it.

`docker compose config --format json | python3 -m letterbox.release ingest=NAME …` writes it. Compose replaces a
container when what it knows of it changes; a new file under a mounted path it does not know, so a hash of it becomes a
label. A container whose image and files are the same keeps running. Needs nothing but Python.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LABEL = "letterbox.files"
OURS = "letterbox-"
"""The names of our images begin so."""


def release(project: Mapping[str, Any], images: Mapping[str, str]) -> dict[str, Any]:
    """What compose must know beside `docker-compose.yml`; `images` says the image for each of ours."""
    services: dict[str, Any] = {}
    for name, service in project["services"].items():
        said: dict[str, Any] = {}
        image = _ours(service.get("image", ""))
        if image in images:
            said["image"] = images[image]
        if files := sorted(_mounted(service, project)):
            said["labels"] = {LABEL: _hash(files)}
        if said:
            services[name] = said
    return {"services": services}


def _ours(image: str) -> str:
    """`indexer` for `registry.example.org/letterbox-indexer:0.1.0`; nothing for others' images."""
    last = image.rpartition("/")[2].partition(":")[0]
    return last.removeprefix(OURS) if last.startswith(OURS) else ""


def _mounted(service: Mapping[str, Any], project: Mapping[str, Any]) -> Iterator[Path]:
    """Every file that is mounted into a service by its path, secrets included.

    A folder outside `deploy` is left out: its service looks into it by itself (the owner's keys).
    """
    for volume in service.get("volumes", ()):
        source = Path(volume.get("source", ""))
        if volume["type"] == "bind" and source.is_file():
            yield source
        elif volume["type"] == "bind" and "deploy" in source.parts and source.is_dir():
            yield from (file for file in source.rglob("*") if file.is_file())
    for kind in ("secrets", "configs"):
        for one in service.get(kind, ()):
            source = Path(project[kind][one["source"]].get("file", ""))
            if source.is_file():
                yield source


def _hash(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def main() -> None:
    """Read what `docker compose config` says, write the release file."""
    images = dict(argument.split("=", 1) for argument in sys.argv[1:])
    print(json.dumps(release(json.load(sys.stdin), images), indent=2))


if __name__ == "__main__":
    main()
