"""`letterbox restore`: a backup put back into an empty system."""

import argparse
import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

from letterbox.backup import chosen_backup
from letterbox.backups.check import Checked, whole
from letterbox.backups.erased import Erased, lines_of, read_list
from letterbox.backups.finish import Finished, finish
from letterbox.backups.load import Loaded, load
from letterbox.backups.local import servers_alone, start_services
from letterbox.backups.manifest import Unusable
from letterbox.backups.place import ERASED, Place
from letterbox.backups.sealed import Key, Unsealable
from letterbox.backups.settings import key
from letterbox.backups.take import PRIVATE
from letterbox.local.home import Home

SHOWN = 20
PRINTED = {"id-secret": "id", "owner-keys": "keys.json", "erased-ids": ""}
"""What can be taken out of a backup alone; the secrets by their names in it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which backup, and which part of the work."""
    parser.description = (
        "Puts a backup into an empty system: checks it, restores database, streams and objects, handles again what "
        "was going on when it was made, without effects; erases again what was erased since, builds the search index "
        "and verifies. No mail is sent. Local: the system must not run; start it afterwards with `letterbox up`. "
        "Elsewhere the services must not run for `--stage load`, and must for `--stage finish`. Exit status 4: "
        "restored, but something is missing."
    )
    parser.add_argument("folder", type=Path, help="the backup's folder, or the folder of all backups for the newest")
    parser.add_argument("--key", type=Path, metavar="FILE", help="file of the key (LETTERBOX_BACKUP_KEY_FILE)")
    parser.add_argument("--erased", type=Path, metavar="FILE", help="a newer list of erased ids than the backups'")
    parser.add_argument("--despite-lost-objects", action="store_true", help="go on when objects are missing or damaged")
    parser.add_argument("--stage", choices=("check", "load", "finish"), help="only this part")
    parser.add_argument("--print", dest="what", choices=PRINTED, help="restore nothing; print what is in the backup")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Restore; 0 when nothing is missing."""
    place, folder = _found(arguments.folder)
    identity = key(arguments.key)
    try:
        ids = erased_ids(place, folder, arguments.erased)
        if arguments.what is not None:
            print(
                lines_of(ids)
                if arguments.what == "erased-ids"
                else private(folder, identity).get(PRINTED[arguments.what], "")
            )
            return 0
        if arguments.stage == "finish":
            return report(None, asyncio.run(finish(ids)), arguments)
        checked = whole(place, folder, identity, without_damaged_objects=arguments.despite_lost_objects)
        if arguments.stage == "check":
            return 0
        if arguments.stage == "load":
            return report(asyncio.run(load(place, folder, identity, checked.manifest)), None, arguments)
        loaded, finished = asyncio.run(_local(place, folder, identity, checked, ids))
    except (Unusable, Unsealable) as error:
        print(error, file=sys.stderr)
        return 1
    return report(loaded, finished, arguments)


def _found(folder: Path) -> tuple[Place, Path]:
    if (place := Place(folder)).backups():
        return place, chosen_backup(place, "newest")
    return Place(folder.absolute().parent), folder.absolute()


def erased_ids(place: Place, folder: Path, newer: Path | None = None) -> list[Erased]:
    """All ids that are known to be erased: by the backup, by any later one, and by `newer`."""
    lists = [folder / ERASED, place.erased, *([newer] if newer else [])]
    return list({one.submission_id: one for file in lists for one in read_list(file)}.values())


def private(folder: Path, identity: Key) -> dict[str, str]:
    """The secrets in a backup. Raises Unsealable."""
    with identity.reading(folder / PRIVATE) as source:
        content = source.read()
    found: dict[str, str] = json.loads(content)
    return found


async def _local(
    place: Place, folder: Path, identity: Key, checked: Checked, ids: list[Erased]
) -> tuple[Loaded, Finished]:
    home = Home.from_environment()
    async with servers_alone(home) as stack:
        loaded = await load(place, folder, identity, checked.manifest)
        secrets = private(folder, identity)
        home.write("secrets/id", secrets["id"])
        for name in ("keys.json", "owner.key"):
            if name in secrets:
                home.write(name, secrets[name])
        await start_services(stack)
        return loaded, await finish(ids)


def report(loaded: Loaded | None, finished: Finished | None, arguments: argparse.Namespace) -> int:
    """Print what was done; 4 when something is missing, otherwise 0."""
    if arguments.json:
        parts = {"loaded": loaded, "finished": finished}
        print(json.dumps({name: asdict(part) for name, part in parts.items() if part is not None}, indent=2))
    else:
        if loaded is not None:
            _print_loaded(loaded)
        if finished is not None:
            _print_finished(finished)
    lost = loaded is not None and bool(loaded.lost_objects)
    return 4 if lost or (finished is not None and not finished.well) else 0


def _print_loaded(loaded: Loaded) -> None:
    for name in loaded.migrations:
        print(f"The schema was older: {name} was run.")
    for stream, count in loaded.messages.items():
        print(f"{count} messages in {stream}")
    print(f"{loaded.objects} objects")
    for one in loaded.lost_objects[:SHOWN]:
        print(f"  LOST  {one}")
    print(f"{loaded.settled.events} events handled again, without effects")
    print(f"{loaded.settled.uncertain_mails} mails of unknown outcome; they are not sent again")


def _print_finished(finished: Finished) -> None:
    for one in finished.erased_again:
        print(f"erased again  {one}")
    print(f"{finished.documents} documents in the search index, {finished.repaired} things repaired")
    for finding in finished.findings[:SHOWN]:
        print(f"  {finding['kind'].upper()}  {finding['store']}  {finding['submission_id']}  {finding['what']}")
    if finished.erasures_open:
        print(f"{finished.erasures_open} erasures have not come to their end")
    if finished.well:
        print("Nothing is missing.")
