"""Taking a backup beside live traffic: first what the durables had done is noted, then the database, streams, objects.

In this order everything that a later part refers to is there: what the database has not yet, the stream tells, and the
objects of both come last.
"""

import json
import os
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from letterbox.backups import database, pool
from letterbox.backups.erased import erased, write_list
from letterbox.backups.manifest import Manifest
from letterbox.backups.metric_data import keep_metric_data
from letterbox.backups.place import ERASED, Place
from letterbox.backups.sealed import SUFFIX, Key, Unsealable
from letterbox.backups.settings import BackupSettings, id_secret
from letterbox.local.home import Home
from letterbox.migrate import postgres_settings
from letterbox.operator import operators_nats, operators_objects, operators_postgres
from libs.events.connect import Nats
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.snapshots import Snapshots
from libs.events.streams import ADVISORIES, DEAD_LETTERS, DURABLES, STREAM

STREAMS = (STREAM, DEAD_LETTERS, ADVISORIES)
PRIVATE, CONFIGURATION = f"private.json{SUFFIX}", f"configuration.json{SUFFIX}"
SECRET_WORDS = ("PASSWORD", "SECRET", "KEY")


async def take(place: Place, key: Key, settings: BackupSettings) -> Path:
    """Make one backup; returns its folder. What was accepted before it began is in it."""
    began = time.monotonic()
    with place.draft() as (draft, final):
        async with AsyncExitStack() as stack:
            nc = await stack.enter_async_context(operators_nats())
            postgres = await stack.enter_async_context(operators_postgres())
            objects = await stack.enter_async_context(operators_objects())
            manifest = Manifest(datetime.now(UTC).isoformat())
            manifest.versions = {"letterbox": own_version(), "nats": nats_version(nc)}
            manifest.noted = await noted(nc)
            await database.dump(postgres, postgres_settings("storage"), draft, key, manifest)
            await _streams(nc, draft, key, manifest)
            kept, new = await place.pool.take(objects, key, _before(place, key))
            pool.write_listing(draft, kept, key)
            manifest.objects = {"count": len(kept), "bytes": sum(one.size for one in kept), "new": new}
            manifest.metrics = await keep_metric_data(settings.prometheus_url, draft, key)
            with key.writing(draft / PRIVATE) as out:
                out.write(json.dumps(_private(settings)).encode())
            with key.writing(draft / CONFIGURATION) as out:
                out.write(json.dumps(_configuration(settings)).encode())
            gone = await erased(postgres)  # last: whatever was erased while the rest was copied is erased again
            write_list(draft / ERASED, gone)
            write_list(place.erased, gone)
        manifest.erased = len(gone)
        manifest.seconds = round(time.monotonic() - began, 1)
        manifest.add_files(draft)
        manifest.write(draft)
    return final


def own_version() -> str:
    """Of Letterbox: an image has it in its environment, for nothing is installed there as a package."""
    try:
        return version("letterbox")
    except PackageNotFoundError:
        return os.environ.get("LETTERBOX_VERSION", "unknown")


def nats_version(nc: Nats) -> str:
    """The server's version."""
    known = nc.connected_server_version
    return f"{known.major}.{known.minor}.{known.patch}"


async def noted(nc: Nats) -> dict[str, int]:
    """What each durable has left behind, and then the last sequence of EVENTS."""
    journal = Journal(nc)
    positions = {durable.name: await passed(journal, [durable.name]) for durable in DURABLES}
    return {**positions, STREAM: (await journal.state()).last}


async def _streams(nc: Nats, draft: Path, key: Key, manifest: Manifest) -> None:
    snapshots = Snapshots(nc)
    (draft / "streams").mkdir()
    for stream in STREAMS:
        consumers = await snapshots.consumers(stream)
        with key.writing(stream_file(draft, stream)) as out:
            described = await snapshots.take(stream, out)
        positions = {
            name: {"delivered": one["delivered"]["stream_seq"], "acknowledged": one["ack_floor"]["stream_seq"]}
            for name, one in consumers.items()
        }
        manifest.streams[stream] = {**described, "consumers": positions}


def stream_file(folder: Path, stream: str) -> Path:
    """Where a stream is in a backup."""
    return folder / "streams" / f"{stream}{SUFFIX}"


def _before(place: Place, key: Key) -> list[pool.Kept]:
    """The objects of the newest backup; none when it cannot be read, then all are copied again."""
    try:
        return pool.read_listing(place.backups()[-1], key)
    except (IndexError, OSError, ValueError, Unsealable):
        return []


def _private(settings: BackupSettings) -> dict[str, str]:
    """The secrets that a restored system cannot do without; every other is its own."""
    owner = Home.from_environment().path / "owner.key"
    files = {"keys.json": settings.keys_file, "owner.key": owner}
    found = {name: file.read_text(encoding="utf-8") for name, file in files.items() if file and file.exists()}
    return {"id": id_secret(), **found}


def _configuration(settings: BackupSettings) -> dict[str, dict[str, str]]:
    folder = settings.backup_configuration
    files = sorted(folder.iterdir()) if folder is not None else []
    return {
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name.startswith("LETTERBOX_") and not any(word in name for word in SECRET_WORDS)
        },
        "files": {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files if file.is_file()},
    }
