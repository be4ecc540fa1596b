"""`letterbox drill`: the newest backup restored into a system of its own, verified, searched, and thrown away."""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from letterbox.backup import chosen_backup
from letterbox.backups.check import whole
from letterbox.backups.finish import Finished, finish
from letterbox.backups.load import Loaded, load, servers
from letterbox.backups.local import servers_alone, start_services
from letterbox.backups.manifest import Manifest, Unusable, read_manifest
from letterbox.backups.place import Place
from letterbox.backups.samples import Samples, ask_for_samples
from letterbox.backups.sealed import Key, Unsealable
from letterbox.backups.settings import key, place, settings
from letterbox.backups.textfile import write_metrics
from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.operator import operators_nats, operators_postgres
from letterbox.restore import erased_ids
from libs.events.catalogue import SubmissionCreated
from libs.events.errors import Transient
from libs.events.journal import Journal
from libs.events.streams import STREAM

PORTS = "LETTERBOX_PORTS"
"""Which ports there are is a matter of the machine."""
MAIL_FOLDER, MAILS = "mail", "[0-9]*.eml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which backup."""
    parser.description = (
        "Restores a backup into an empty local system beside this one, erases what was erased since, verifies it, "
        "searches for samples and compares files, counts mails (there must be none), says how long it took (RTO) and "
        "how much would be lost now (RPO), and throws it away. Needs the package's extra `local`. Exit status 4: the "
        "backup is not what it has to be."
    )
    parser.add_argument("backup", nargs="?", default="newest", help="its name (default: the newest)")
    parser.add_argument("--from", dest="source", type=Path, metavar="FOLDER", help="folder of the backups")
    parser.add_argument("--key", type=Path, metavar="FILE", help="file of the key (LETTERBOX_BACKUP_KEY_FILE)")
    parser.add_argument("--in", dest="beside", type=Path, metavar="FOLDER", help="where the system is put meanwhile")
    parser.add_argument("--json", action="store_true", help="print as JSON")
    elsewhere = parser.add_argument_group("with docker compose", "what scripts/drill-data.sh calls")
    elsewhere.add_argument(
        "--part", choices=("lost", "samples"), help="in the live system: what would be lost; in the restored: the end"
    )
    elsewhere.add_argument("--search", metavar="URL", help="search of the restored system; its key on standard input")
    elsewhere.add_argument("--seconds", type=float, default=0.0, help="how long it took so far")
    elsewhere.add_argument("--mails", type=int, default=0, help="how many mails the restored system has sent")


@dataclass(slots=True)
class Lost:
    """What would be lost if the live system were gone now; -1 when it does not answer."""

    events: int = -1
    submissions: int = -1


@dataclass(slots=True)
class Drill:
    """How it went."""

    backup: str
    rto_seconds: float = 0.0
    rpo_seconds: float = 0.0
    lost: Lost = field(default_factory=Lost)
    mails: int = 0
    samples: Samples = field(default_factory=Samples)
    loaded: Loaded = field(default_factory=Loaded)
    finished: Finished = field(default_factory=Finished)

    @property
    def well(self) -> bool:
        """Whether the backup is what it has to be."""
        restored = self.finished.well and not self.loaded.lost_objects
        return restored and not self.mails and not self.samples.missing


def run(arguments: argparse.Namespace) -> int:
    """Drill; 0 when the backup is whole."""
    chosen, where = settings(), place(arguments.source)
    try:
        identity = key(arguments.key)
        folder = chosen_backup(where, arguments.backup)
        began = time.monotonic() - arguments.seconds
        manifest = read_manifest(folder) if arguments.part else whole(where, folder, identity).manifest
        drill = Drill(folder.name, rpo_seconds=_age(manifest), mails=arguments.mails)
        if arguments.part == "samples":
            asyncio.run(_sampled(drill, arguments.search, sys.stdin.readline().strip()))
        else:
            drill.lost = asyncio.run(_lost(manifest))
        if arguments.part == "lost":
            print(_losses(drill))
            return 0
        if arguments.part is None:
            asyncio.run(_restored(drill, where, folder, identity, manifest, arguments.beside))
    except (Unusable, Unsealable) as error:
        print(error, file=sys.stderr)
        return 4
    drill.rto_seconds = round(time.monotonic() - began, 1)
    if drill.well:
        assert chosen.textfile_path is not None
        write_metrics(
            chosen.textfile_path, "drill", {"rto_seconds": drill.rto_seconds, "rpo_seconds": drill.rpo_seconds}
        )
    if arguments.json:
        print(json.dumps({"well": drill.well, **asdict(drill)}, indent=2))
    else:
        _print(drill, partly=arguments.part is not None)
    return 0 if drill.well else 4


async def _restored(
    drill: Drill, where: Place, folder: Path, identity: Key, manifest: Manifest, beside: Path | None
) -> None:
    ids = erased_ids(where, folder)
    with tempfile.TemporaryDirectory(prefix="letterbox-drill-", dir=beside) as temporary:
        home = _alone(Path(temporary))
        async with servers_alone(home) as stack:
            drill.loaded = await load(where, folder, identity, manifest)
            home.owner_key()
            await start_services(stack, "search")
            drill.finished = await finish(ids)
            async with servers() as there:
                drill.samples = await ask_for_samples(there.postgres, stack.address("search"), stack.owner_key)
            drill.mails = len(list((home.path / MAIL_FOLDER).glob(MAILS)))


async def _sampled(drill: Drill, search: str, owner_key: str) -> None:
    """The end of a drill whose restore others have done and found to be whole."""
    async with operators_postgres(1) as postgres:
        drill.samples = await ask_for_samples(postgres, search, owner_key)


def _alone(folder: Path) -> Home:
    """A home in which nothing of the live system's settings counts: from here on nobody can reach that by mistake."""
    for name in [name for name in os.environ if name.startswith("LETTERBOX_") and name != PORTS]:
        del os.environ[name]
    os.environ["LETTERBOX_HOME"] = str(folder)
    return Home.from_environment()


def _age(manifest: Manifest) -> float:
    return round((datetime.now(UTC) - datetime.fromisoformat(manifest.made_at)).total_seconds(), 1)


async def _lost(manifest: Manifest) -> Lost:
    """What the live stream has that the backup has not."""
    kept, lost = manifest.streams[STREAM]["state"]["last_seq"], Lost(0, 0)
    try:
        async with operators_nats() as nc:
            async for entries in Journal(nc).walk(kept + 1):
                lost.events += len(entries)
                lost.submissions += sum(entry.headers.get("ce-type") == SubmissionCreated.type for entry in entries)
    except (CannotStart, Transient, OSError):
        return Lost()
    return lost


def _losses(drill: Drill) -> str:
    lost = "the live system does not answer" if drill.lost.events < 0 else f"{drill.lost.submissions} submissions"
    return f"It is {drill.rpo_seconds:.0f} s old (RPO); lost if this system were gone now: {lost}"


def _print(drill: Drill, *, partly: bool) -> None:
    """`partly`: the restore, done and told by others, is not told again."""
    finished, samples = drill.finished, drill.samples
    print(f"{drill.backup}: restored, verified and searched in {drill.rto_seconds:.0f} s (RTO)")
    if not partly:
        print(_losses(drill))
        for name in drill.loaded.migrations:
            print(f"Its schema is older than this version's: {name} was run")
        print(f"{len(finished.erased_again)} submissions erased again, {finished.repaired} things repaired")
    print(f"{samples.asked} samples searched and compared, {drill.mails} mails sent")
    for finding in finished.findings:
        print(f"  {finding['kind'].upper()}  {finding['store']}  {finding['submission_id']}  {finding['what']}")
    for one in (*drill.loaded.lost_objects, *samples.missing):
        print(f"  NOT FOUND  {one}")
    print("The backup is whole." if drill.well else "THE BACKUP IS NOT WHAT IT HAS TO BE.")
