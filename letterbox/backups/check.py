"""Whether a backup is whole: every file as its manifest says, and every object that it names."""

from dataclasses import dataclass, field
from pathlib import Path

from letterbox.backups.database import unknown_migrations
from letterbox.backups.manifest import Manifest, Unusable, read_manifest
from letterbox.backups.place import Place
from letterbox.backups.pool import FILES, names_of, read_listing
from letterbox.backups.sealed import Key, Unsealable, sha256_of


@dataclass(slots=True)
class Checked:
    """What was found."""

    manifest: Manifest
    problems: list[str] = field(default_factory=list)
    """Without these files it cannot be restored."""
    objects: list[str] = field(default_factory=list)
    """Objects that are missing or damaged, by their keys where the key of the backups was given."""


def check(place: Place, folder: Path, key: Key | None = None) -> Checked:
    """Read everything once. Raises Unusable when there is no manifest that can be believed."""
    manifest = read_manifest(folder)
    checked = Checked(manifest)
    for name, about in manifest.files.items():
        path = folder / name
        if not path.is_file():
            checked.problems.append(f"{name} is missing")
        elif path.stat().st_size != about["size"]:
            checked.problems.append(f"{name} has {path.stat().st_size} bytes instead of {about['size']}")
        elif sha256_of(path) != about["sha256"]:
            checked.problems.append(f"{name} is damaged: its checksum is wrong")
    newer = unknown_migrations(manifest)
    if newer:
        checked.problems.append(f"it was made by a newer version, whose schema has {', '.join(newer)}")
    if not any(problem.startswith(FILES) for problem in checked.problems):
        damaged = place.pool.damaged(names_of(folder))
        checked.objects = _keys(folder, damaged, key) if damaged else []
    return checked


def whole(place: Place, folder: Path, key: Key, *, without_damaged_objects: bool = False) -> Checked:
    """As `check`. Raises Unusable unless all is whole, or only objects are not and that is accepted."""
    checked = check(place, folder, key)
    problems = list(checked.problems)
    if not without_damaged_objects:
        problems += [f"object {name} is missing or damaged" for name in checked.objects]
    if problems:
        raise Unusable(f"{folder.name} is not whole:\n" + "\n".join(f"  {problem}" for problem in problems))
    return checked


def _keys(folder: Path, damaged: list[str], key: Key | None) -> list[str]:
    if key is None:
        return damaged
    try:
        return sorted(one.key for one in read_listing(folder, key) if one.file in damaged)
    except (OSError, ValueError, Unsealable):
        return damaged
