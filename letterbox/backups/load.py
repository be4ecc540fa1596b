"""A backup put into empty servers, before any service runs there."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from letterbox.backups import database, pool
from letterbox.backups.manifest import Manifest, Unusable
from letterbox.backups.place import Place
from letterbox.backups.sealed import Key
from letterbox.backups.settle import Settled, settle
from letterbox.backups.take import STREAMS, stream_file
from letterbox.local.failure import CannotStart
from letterbox.migrate import postgres_settings
from letterbox.operator import operators_nats, operators_objects, operators_postgres
from libs.events.connect import Nats
from libs.events.journal import Journal
from libs.events.snapshots import Damaged, Snapshots
from libs.events.streams import ADVISORY_DURABLE, DURABLES, STREAM
from libs.objects.store import ObjectStore
from libs.postgres.pool import Pool
from services.storage.migrate import migrate

OURS = (*(durable.name for durable in DURABLES), ADVISORY_DURABLE)


@dataclass(slots=True)
class Loaded:
    """What is there now."""

    messages: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    lost_objects: list[str] = field(default_factory=list)
    """Objects that the backup names and does not have."""
    migrations: list[str] = field(default_factory=list)
    """What was run on the backup's database, whose schema was older than this version's."""
    settled: Settled = field(default_factory=Settled)


@dataclass(frozen=True, slots=True)
class Servers:
    """The servers of one system, with the operator's rights."""

    nc: Nats
    postgres: Pool
    objects: ObjectStore


@asynccontextmanager
async def servers() -> AsyncIterator[Servers]:
    """The servers that the environment names, or the local stack's."""
    async with AsyncExitStack() as stack:
        nc = await stack.enter_async_context(operators_nats())
        postgres = await stack.enter_async_context(operators_postgres())
        objects = await stack.enter_async_context(operators_objects())
        yield Servers(nc, postgres, objects)


async def load(place: Place, folder: Path, key: Key, manifest: Manifest) -> Loaded:
    """Put everything back that is whole. Raises CannotStart when something is there already, Unusable when it fails."""
    loaded = Loaded()
    async with servers() as there:
        await refuse_what_is_there(there)
        await database.put_back(there.postgres, postgres_settings("storage"), folder, key)
        loaded.migrations = await migrate(there.postgres)
        for stream in STREAMS:
            loaded.messages[stream] = await _stream(Snapshots(there.nc), stream, folder, key, manifest)
        kept = pool.read_listing(folder, key)
        loaded.lost_objects = await place.pool.put_back(there.objects, key, kept)
        loaded.objects = len(kept) - len(loaded.lost_objects)
        loaded.settled = await settle(there.nc, there.postgres, there.objects, manifest.noted)
    return loaded


async def rebuild() -> Loaded:
    """Make the record anew from nothing but the stream and the objects. Raises CannotStart when there is a record."""
    loaded = Loaded()
    async with servers() as there:
        rows = await database.has_rows(there.postgres)
        if rows:
            raise CannotStart(f"The database is not empty ({', '.join(rows)}); a rebuild begins with an empty one.")
        state = await Journal(there.nc).state()
        if state.forgets:
            raise CannotStart("The stream forgets old events (LETTERBOX_NATS_MAX_AGE_SECONDS): it is not all there.")
        loaded.migrations = await migrate(there.postgres)
        loaded.messages = {STREAM: state.messages}
        loaded.settled = await settle(there.nc, there.postgres, there.objects, {})
    return loaded


async def refuse_what_is_there(there: Servers) -> None:
    """Raise CannotStart unless database, streams and bucket are empty."""
    found = [f"the table {name}" for name in await database.has_rows(there.postgres)]
    for stream in STREAMS:
        if stream in await Snapshots(there.nc).streams() and (await Journal(there.nc, stream).state()).messages:
            found.append(f"the stream {stream}")
    async for _ in there.objects.keys(""):
        found.append("the bucket")
        break
    if found:
        raise CannotStart(f"A restore needs an empty system; there is something in {', '.join(found)}.")


async def _stream(snapshots: Snapshots, stream: str, folder: Path, key: Key, manifest: Manifest) -> int:
    described = manifest.streams[stream]
    try:
        with key.reading(stream_file(folder, stream)) as source:
            state = await snapshots.put_back(stream, described, source)
    except Damaged as error:
        raise Unusable(f"NATS refuses the stream {stream}: {error}") from None
    if state["last_seq"] != described["state"]["last_seq"]:
        raise Unusable(f"The stream {stream} ends at {state['last_seq']} instead of {described['state']['last_seq']}.")
    for name in await snapshots.consumers(stream):
        if name not in OURS:  # a replay or a reindex that was going on then, and is not now
            await snapshots.drop_consumer(stream, name)
    return int(state["messages"])
