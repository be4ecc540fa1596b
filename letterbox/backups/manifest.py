"""The manifest of a backup: what is in it, of which moment, and the SHA-256 of every file; no personal data."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from letterbox.backups.sealed import sha256_of

NAME = "manifest.json"
FORMAT = 1


class Unusable(Exception):
    """A backup that must not be restored; the text says what is wrong with it."""


@dataclass(slots=True)
class Manifest:
    """What a backup says of itself."""

    made_at: str
    """When it was begun (ISO 8601, UTC): what was accepted until then is in it."""
    format: int = FORMAT
    seconds: float = 0.0
    """How long it took."""
    versions: dict[str, str] = field(default_factory=dict)
    noted: dict[str, int] = field(default_factory=dict)
    """For EVENTS the last sequence, for each durable what it had left behind, before the database was dumped."""
    streams: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of each stream: configuration and state, which putting it back needs, and how far its consumers were."""
    schema: list[str] = field(default_factory=list)
    """The migrations that the database had."""
    rows: dict[str, int] = field(default_factory=dict)
    """Rows of each table."""
    objects: dict[str, int] = field(default_factory=dict)
    """`count`, `bytes`, and how many of them are `new` since the backup before."""
    erased: int = 0
    """Ids on the list of erased ids."""
    metrics: str = ""
    """Whether Prometheus's data are in it, or why not."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`size` and `sha256` of every other file in the folder."""

    def add_files(self, folder: Path) -> None:
        """Take in every file of the folder."""
        for file in sorted(folder.rglob("*")):
            if file.is_file() and file.name != NAME:
                name = file.relative_to(folder).as_posix()
                self.files[name] = {"size": file.stat().st_size, "sha256": sha256_of(file)}

    def write(self, folder: Path) -> None:
        """Write it, with a checksum of itself."""
        content = asdict(self)
        (folder / NAME).write_text(json.dumps({**content, "checksum": _checksum(content)}, indent=2) + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the backup in `folder`. Raises Unusable."""
    try:
        content = json.loads((folder / NAME).read_text(encoding="utf-8"))
        checksum = content.pop("checksum")
    except FileNotFoundError:
        raise Unusable(f"{folder} is no backup: it has no {NAME}.") from None
    except (ValueError, KeyError, AttributeError):
        raise Unusable(f"{NAME} is damaged.") from None
    if checksum != _checksum(content):
        raise Unusable(f"{NAME} is damaged: its checksum is wrong.")
    if content["format"] != FORMAT:
        raise Unusable(f"{NAME} has the format {content['format']}; this version reads {FORMAT}.")
    return Manifest(**content)


def _checksum(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
