"""`letterbox backup`: everything that cannot be made again, encrypted, beside live traffic."""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from letterbox.backups.check import check
from letterbox.backups.erased import erased, mark_copied, read_list, write_list
from letterbox.backups.manifest import NAME, Unusable, read_manifest
from letterbox.backups.place import ERASED, Keep, Place
from letterbox.backups.pool import names_of
from letterbox.backups.settings import BackupSettings, key, key_text, place, settings
from letterbox.backups.take import take
from letterbox.backups.textfile import write_metrics
from letterbox.local.failure import CannotStart
from letterbox.operator import operators_postgres


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, where, and for how long backups are kept."""
    parser.description = (
        "Makes a backup while everything runs: database, streams with their consumers, objects, the id secret, the "
        "list of erased ids; encrypted with age, complete or not there at all. Then removes those that are too old. "
        "Keep the key (--show-key) in another place: without it nobody can read them."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--erasures", action="store_true", help="only bring the list of erased ids to the backups")
    what.add_argument("--status", action="store_true", help="only show what backups there are; 1 when there is none")
    what.add_argument("--check", metavar="NAME", help="only read a backup (or `newest`) once and compare checksums")
    what.add_argument("--show-key", action="store_true", help="only print the key")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="folder of the backups (LETTERBOX_BACKUP_TO)")
    parser.add_argument("--key", type=Path, metavar="FILE", help="file of the key (LETTERBOX_BACKUP_KEY_FILE)")
    parser.add_argument("--copy-to", metavar="REMOTE", help="copy there with rclone (LETTERBOX_BACKUP_COPY_TO)")
    parser.add_argument("--copy-later", action="store_true", help="another program copies, and then says --copied")
    parser.add_argument("--copied", action="store_true", help="with --erasures: the list was copied by now")
    for period, count in asdict(Keep()).items():
        parser.add_argument(f"--keep-{period}", type=int, default=count, metavar="N", help=f"({count})")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Make, look at or check backups."""
    chosen = settings()
    if arguments.copy_to:
        chosen = chosen.model_copy(update={"backup_copy_to": arguments.copy_to})
    if arguments.copy_later or arguments.copied:
        chosen = chosen.model_copy(update={"backup_copy_to": ""})
    where = place(arguments.to)
    try:
        if arguments.show_key:
            print(key_text(arguments.key))
            return 0
        if arguments.status:
            return _status(where, as_json=arguments.json)
        if arguments.check:
            return _check(where, arguments)
        if arguments.erasures:
            return _erasures(where, chosen, arguments)
        return _backup(where, chosen, arguments)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1


def _backup(where: Place, chosen: BackupSettings, arguments: argparse.Namespace) -> int:
    folder = asyncio.run(take(where, key(arguments.key, make=True), chosen))
    if chosen.backup_copy_to:
        _copy(where, chosen.backup_copy_to, folder.name)
    if not arguments.copy_later:
        asyncio.run(_mark(where))
    gone = where.expire(Keep(arguments.keep_daily, arguments.keep_weekly, arguments.keep_monthly))
    manifest = read_manifest(folder)
    size = _size(where, folder)
    assert chosen.textfile_path is not None
    write_metrics(chosen.textfile_path, "backup", {"size_bytes": size, "seconds": manifest.seconds})
    if arguments.json:
        print(json.dumps({"backup": str(folder), "size": size, "expired": gone, **asdict(manifest)}, indent=2))
    else:
        rows = manifest.rows.get("contact_submissions", 0)
        objects = manifest.objects
        print(f"{folder}\n  {rows} submissions, {objects['count']} objects ({objects['new']} new), {size:,} bytes")
        print("".join(f"  {name} was too old and is gone\n" for name in gone), end="")
    return 0


def _erasures(where: Place, chosen: BackupSettings, arguments: argparse.Namespace) -> int:
    """Bring the list of erased ids to the backups, unless it was `copied` there; then its receipts can be final."""
    if not arguments.copied:
        count = asyncio.run(_list(where))
        if chosen.backup_copy_to:
            _rclone("copyto", str(where.erased), f"{chosen.backup_copy_to.rstrip('/')}/{ERASED}")
        print(f"{count} erased ids are listed in {where.erased}.")
    if not arguments.copy_later:
        asyncio.run(_mark(where))
    return 0


async def _list(where: Place) -> int:
    async with operators_postgres(1) as postgres:
        ids = await erased(postgres)
    where.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_list(where.erased, ids)
    return len(ids)


async def _mark(where: Place) -> None:
    async with operators_postgres(1) as postgres:
        await mark_copied(postgres, [one.submission_id for one in read_list(where.erased)])


def _copy(where: Place, remote: str, name: str) -> None:
    """Objects first, then what names them; nothing is ever removed there."""
    remote = remote.rstrip("/")
    _rclone("copy", "--immutable", str(where.pool.folder), f"{remote}/objects")
    _rclone("copy", str(where.folder / name), f"{remote}/{name}")
    _rclone("copyto", str(where.erased), f"{remote}/{ERASED}")


def _rclone(*arguments: str) -> None:
    program = shutil.which("rclone")
    if program is None:
        raise CannotStart("rclone is not installed, which copies backups to another place.")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise CannotStart(f"rclone {arguments[0]} failed: {done.stderr.strip()[-500:]}")


def _status(where: Place, *, as_json: bool) -> int:
    found: list[dict[str, str | int]] = []
    for folder in where.backups():
        try:
            manifest = read_manifest(folder)
        except Unusable as error:
            found.append({"name": folder.name, "problem": str(error)})
            continue
        age = time.time() - (folder / NAME).stat().st_mtime
        rows = manifest.rows.get("contact_submissions", 0)
        found.append(
            {"name": folder.name, "age_seconds": round(age), "size": _size(where, folder), "submissions": rows}
        )
    if as_json:
        print(json.dumps(found, indent=2))
    elif not found:
        print(f"There is no backup in {where.folder}.")
    for one in found if not as_json else ():
        about = f"{one['submissions']} submissions  {one['size']:,} bytes" if "size" in one else one["problem"]
        print(f"{one['name']}  {about}")
    return 0 if found and "problem" not in found[-1] else 1


def _check(where: Place, arguments: argparse.Namespace) -> int:
    folder = chosen_backup(where, arguments.check)
    checked = check(where, folder, key(arguments.key))
    for problem in checked.problems:
        print(problem)
    for name in checked.objects:
        print(f"object {name} is missing or damaged")
    if checked.problems or checked.objects:
        return 4
    print(f"{folder.name} is whole: {len(checked.manifest.files)} files, {checked.manifest.objects['count']} objects.")
    return 0


def chosen_backup(where: Place, name: str) -> Path:
    """A backup by its name, or the newest. Raises Unusable when there is no such."""
    backups = {one.name: one for one in where.backups()}
    if name == "newest" and backups:
        return max(backups.values())
    if name not in backups:
        raise Unusable(f"There is no backup {name} in {where.folder}.")
    return backups[name]


def _size(where: Place, folder: Path) -> int:
    files = [file for file in folder.rglob("*") if file.is_file()]
    objects = [where.pool.path(name) for name in names_of(folder)]
    return sum(file.stat().st_size for file in (*files, *objects) if file.exists())
