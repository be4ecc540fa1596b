"""A backup that is not what it was says so; drills find it out; old ones go; erasures reach the backups.

The drill of docs/howto/backup-and-restore.md and docs/flows/deployment-and-backup.md.
"""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyrage
import pytest

from letterbox.backups.check import whole
from letterbox.backups.database import DUMP, drop_everything
from letterbox.backups.identity import new_identity
from letterbox.backups.manifest import NAME, Unusable, read_manifest
from letterbox.backups.place import TIME, Keep, Place
from letterbox.backups.pool import names_of
from letterbox.backups.sealed import Key
from letterbox.local.home import Home
from letterbox.local.stack import LocalStack
from libs.postgres.pool import postgres_pool
from services.storage import migrate as migrations
from tests.flow.test_verify import done, record
from tests.support.backups import mails, ok, running, temporary_folder
from tests.support.command import at_home, letterbox
from tests.support.search_servers import postgres_as
from tests.support.visitor import Visitor, eventually

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
async def owner() -> AsyncIterator[Visitor]:
    """A visitor of a system that has a submission and a backup of it."""
    async with temporary_folder() as folder, running(folder / "live") as visitor:
        await done(visitor)
        assert (await letterbox(visitor.stack, "backup")).status == 0
        yield visitor


@pytest.fixture(scope="module")
async def servers(owner: Visitor) -> AsyncIterator[LocalStack]:
    """Servers with nothing in them."""
    async with LocalStack(
        Home(owner.stack.home.path.parent / "empty"), ("nats", "postgres", "object-store")
    ) as servers:
        yield servers


def backups_of(visitor: Visitor) -> Path:
    return visitor.stack.home.path / "backups"


def key_of(visitor: Visitor) -> Path:
    return visitor.stack.home.path / "secrets" / "backup"


@pytest.fixture
def copy(owner: Visitor, tmp_path: Path) -> Path:
    """The folder of all backups, to break something in."""
    shutil.copytree(backups_of(owner), tmp_path / "backups")
    return tmp_path / "backups"


def newest(backups: Path) -> Path:
    return max(one for one in backups.iterdir() if (one / NAME).exists())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def pooled(backups: Path) -> Path:
    """One of the objects."""
    return Place(backups).pool.path(names_of(newest(backups))[0])


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped bit in the dump": (lambda b: flip(newest(b) / DUMP), "database.dump.age is damaged"),
    "a truncated dump": (
        lambda b: (newest(b) / DUMP).write_bytes((newest(b) / DUMP).read_bytes()[:-100]),
        "database.dump.age has",
    ),
    "no dump": (lambda b: (newest(b) / DUMP).unlink(), "database.dump.age is missing"),
    "a flipped bit in a stream": (lambda b: flip(newest(b) / "streams/EVENTS.age"), "EVENTS.age is damaged"),
    "a flipped bit in an object": (lambda b: flip(pooled(b)), "is missing or damaged"),
    "a missing object": (lambda b: pooled(b).unlink(), "is missing or damaged"),
    "a changed manifest": (
        lambda b: (newest(b) / NAME).write_text((newest(b) / NAME).read_text().replace('"count": ', '"count": 1')),
        "manifest.json is damaged",
    ),
    "a manifest cut off": (
        lambda b: (newest(b) / NAME).write_text((newest(b) / NAME).read_text()[:200]),
        "manifest.json is damaged",
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_named_and_not_restored(damage: str, copy: Path, owner: Visitor) -> None:
    breaking, said = DAMAGE[damage]
    breaking(copy)
    with pytest.raises(Unusable, match=said):
        whole(Place(copy), newest(copy), Key(key_of(owner).read_text()))


async def test_a_whole_one_is_called_whole_and_another_key_opens_nothing(
    copy: Path, owner: Visitor, tmp_path: Path
) -> None:
    checked = await ok(owner.stack.home.path, "backup", "--check", "newest")
    assert "is whole" in checked.out
    (tmp_path / "other").write_text(new_identity())
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt((newest(copy) / DUMP).read_bytes(), [pyrage.x25519.Identity.from_str(new_identity())])
    refused = await at_home(copy, "restore", str(copy), "--key", str(tmp_path / "other"), "--print", "id-secret")
    assert refused.status == 1
    names = [file.name for file in newest(copy).rglob("*") if file.is_file() and not file.name.endswith(".age")]
    assert sorted(names) == ["erased.jsonl", "manifest.json", "objects.txt"]
    assert "ada@" not in "".join((newest(copy) / name).read_text() for name in names)


def rewritten(backups: Path, **changed: object) -> None:
    """A manifest whose checksums are right again, whatever was changed."""
    manifest = read_manifest(newest(backups))
    manifest.files.clear()
    manifest.add_files(newest(backups))
    for name, value in changed.items():
        setattr(manifest, name, value)
    manifest.write(newest(backups))


async def load(servers: LocalStack, backups: Path, owner: Visitor, *more: str) -> tuple[int, str, str]:
    asked = ("restore", str(backups), "--key", str(key_of(owner)), "--stage", "load", *more)
    loaded = await letterbox(servers, *asked)
    return loaded.status, loaded.out, loaded.err


async def test_a_dump_that_was_cut_off_before_it_was_sealed_is_refused_and_leaves_an_empty_database(
    copy: Path, owner: Visitor, servers: LocalStack
) -> None:
    key, dump = Key(key_of(owner).read_text()), newest(copy) / DUMP
    content = key.unseal(dump.read_bytes())
    assert content.startswith(b"PGDMP")
    dump.write_bytes(key.seal(content[: len(content) * 2 // 3]))
    rewritten(copy)
    status, _, err = await load(servers, copy, owner)
    assert status == 1
    assert "pg_restore failed" in err
    async with postgres_pool(postgres_as(servers, "storage", servers.ports["postgres"])) as pool:
        assert not await pool.fetchval("select count(*) from pg_tables where schemaname = 'public'")


async def test_a_schema_of_a_newer_version_is_refused_by_name(copy: Path, owner: Visitor, servers: LocalStack) -> None:
    rewritten(copy, schema=[*read_manifest(newest(copy)).schema, "999_of_tomorrow"])
    status, _, err = await load(servers, copy, owner)
    assert status == 1
    assert "999_of_tomorrow" in err


async def test_an_older_schema_is_brought_up_to_date_and_named(
    owner: Visitor, servers: LocalStack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "migrations"
    shutil.copytree(migrations.FOLDER, old)
    last = max(old.glob("[0-9]*.sql"))
    last.unlink()
    async with postgres_pool(postgres_as(servers, "storage", servers.ports["postgres"])) as pool:
        await drop_everything(pool)
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "FOLDER", old)
            await migrations.migrate(pool)
    assert (await letterbox(servers, "backup", "--key", str(key_of(owner)), "--copy-later")).status == 0
    status, out, err = await load(servers, servers.home.path / "backups", owner)
    assert status == 0, err
    assert f"The schema was older: {last.stem} was run." in out


async def test_without_an_object_the_rest_is_restored_when_that_is_wanted_and_the_loss_is_named(
    copy: Path, owner: Visitor, servers: LocalStack
) -> None:
    pooled(copy).unlink()
    status, out, err = await load(servers, copy, owner, "--despite-lost-objects")
    assert status == 4, err
    assert out.count("LOST") == 1


async def test_a_drill_proves_the_newest_backup_and_says_what_would_be_lost(owner: Visitor, tmp_path: Path) -> None:
    sent = (await owner.send({"message": "Nobody backed me up."})).id
    await owner.ended(sent)
    drill = await letterbox(owner.stack, "drill", "--json", "--in", str(tmp_path))
    assert drill.status == 0, drill.out + drill.err
    said = drill.json
    assert said["well"]
    assert said["lost"]["submissions"] == 1
    assert (said["mails"], said["samples"]["missing"]) == (0, [])
    assert said["samples"]["asked"] >= 2
    metrics = (owner.stack.home.path / "metrics" / "letterbox_drill.prom").read_text()
    assert f"letterbox_drill_rto_seconds {said['rto_seconds']}\n" in metrics
    assert "letterbox_drill_last_success_timestamp_seconds" in metrics
    assert list(tmp_path.iterdir()) == []


async def test_a_drill_of_a_damaged_backup_fails_and_is_no_success(copy: Path, owner: Visitor) -> None:
    pooled(copy).unlink()
    metrics = owner.stack.home.path / "metrics" / "letterbox_drill.prom"
    before = metrics.read_text() if metrics.exists() else ""
    drill = await letterbox(owner.stack, "drill", "--from", str(copy))
    assert drill.status == 4
    assert "is missing or damaged" in drill.err
    assert (metrics.read_text() if metrics.exists() else "") == before


async def test_objects_are_copied_once_and_a_copy_elsewhere_is_whole(owner: Visitor, tmp_path: Path) -> None:
    if shutil.which("rclone") is None:
        pytest.skip("rclone is not installed")
    again = await letterbox(owner.stack, "backup", "--json", "--copy-to", str(tmp_path / "elsewhere"))
    assert again.status == 0, again.err
    assert again.json["objects"]["new"] < again.json["objects"]["count"]
    checked = await at_home(
        tmp_path, "restore", str(tmp_path / "elsewhere"), "--key", str(key_of(owner)), "--stage", "check"
    )
    assert checked.status == 0, checked.err
    status = await letterbox(owner.stack, "backup", "--status", "--json")
    assert [one["submissions"] for one in status.json][-1] >= 1
    size = (owner.stack.home.path / "metrics" / "letterbox_backup.prom").read_text()
    assert f"letterbox_backup_size_bytes {again.json['size']}\n" in size


async def test_a_receipt_waits_until_the_erased_id_is_where_the_backups_are(owner: Visitor) -> None:
    stack, caught = owner.stack, mails(owner.stack.home.path)
    stack.environment["storage"] = {"LETTERBOX_BACKUP_TO": str(backups_of(owner))}
    await stack.stop("storage")
    await stack.start("storage")
    submission = await done(owner)
    waiting = await letterbox(stack, "erase", "--submission", submission, "--wait", "5", "--json")
    assert waiting.status == 3
    assert set(waiting.json["receipts"][0]["removed"]) == {"storage", "indexer", "notifier"}
    assert (await letterbox(stack, "backup", "--erasures")).status == 0
    listed = [json.loads(line) for line in (backups_of(owner) / "erased.jsonl").read_text().splitlines()]
    assert [one["submission_id"] for one in listed] == [submission]

    async def final() -> bool:
        async with record(owner) as sql:
            return bool(await sql.fetchval("select final_at from erasures where submission_id = $1", submission))

    await eventually(final)
    assert len(mails(owner.stack.home.path)) > len(caught)


def test_the_newest_of_each_day_week_and_month_is_kept_and_the_newest_of_all(tmp_path: Path) -> None:
    place, now = Place(tmp_path), datetime(2026, 11, 28, 3, tzinfo=UTC)
    for hours in range(0, 24 * 120, 12):
        folder = tmp_path / (now - timedelta(hours=hours)).strftime(TIME)
        folder.mkdir()
        (folder / "objects.txt").write_text("")
    place.expire(Keep(daily=3, weekly=2, monthly=2))
    kept = [one.name[:13] for one in place.backups()]
    assert kept == ["2026-10-31T15", "2026-11-22T15", "2026-11-26T15", "2026-11-27T15", "2026-11-28T03"]
