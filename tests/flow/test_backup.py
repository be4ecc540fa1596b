"""A backup made under load, restored into an empty home, and rebuilt from its stream and objects alone.

The restore and the rebuild of docs/howto/backup-and-restore.md and docs/flows/deployment-and-backup.md.
"""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from letterbox.backups.database import drop_everything
from libs.postgres.pool import postgres_pool
from tests.flow.test_verify import done
from tests.support import files
from tests.support.backups import answers, mails, objects, ok, rows, running, temporary_folder
from tests.support.command import at_home, letterbox
from tests.support.search_servers import postgres_as
from tests.support.visitor import Visitor, fresh_key

pytestmark = pytest.mark.timeout(400)
QUERIES = ("lighthouse", "ledger", "links")


@dataclass
class Kept:
    """A system that was backed up, and the home that the backup was restored to."""

    folder: Path
    done: str = ""
    held: str = ""
    keyed: str = ""
    key: str = ""
    untold: str = ""
    """Its mails went out after the backup; nothing in the backup proves it."""
    erased: str = ""
    """Erased after the backup."""
    before: list[str] = field(default_factory=list)
    """All that was accepted before the backup began."""
    rows: dict[str, list[Any]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, list[Any]] = field(default_factory=dict)
    mails: int = 0
    restored: Any = None

    @property
    def live(self) -> Path:
        return self.folder / "live"

    @property
    def home(self) -> Path:
        return self.folder / "restored"


@pytest.fixture(scope="module")
async def kept() -> AsyncIterator[Kept]:
    async with temporary_folder() as folder:
        kept = Kept(folder)
        async with running(kept.live) as visitor:
            await live(kept, visitor)
        backup = next((kept.live / "backups").glob("20*"))
        key = str(kept.live / "secrets" / "backup")
        kept.restored = await ok(kept.home, "restore", str(backup), "--key", key, "--json")
        yield kept


async def live(kept: Kept, visitor: Visitor) -> None:
    """What happens before, while and after the backup is made."""
    kept.key = fresh_key()
    kept.done, kept.erased = await done(visitor), await done(visitor)
    kept.held = (await visitor.send({"website": "held.example"})).id
    kept.keyed = (await visitor.send({"message": "A backup keeps its links."}, key=kept.key)).id
    assert (await visitor.ended(kept.keyed))["status"] == "done"
    kept.rows, kept.answers = await rows(visitor), await answers(visitor, *QUERIES)
    kept.objects = await objects(visitor)
    await visitor.stack.stop("notifier")
    kept.untold = (await visitor.send({"message": "Who told of me?"})).id
    kept.before = [kept.done, kept.erased, kept.held, kept.keyed, kept.untold]
    sending = asyncio.create_task(send_on(kept, visitor))
    while len(kept.before) < 7:
        await asyncio.sleep(0.05)
    before = list(kept.before)
    made = await letterbox(visitor.stack, "backup", "--json")
    assert made.status == 0, made.err
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    kept.before = before
    await visitor.stack.start("notifier")
    assert (await visitor.ended(kept.untold))["status"] == "done"
    assert len(visitor.mails(kept.untold)) == 2
    erased = await letterbox(visitor.stack, "erase", "--submission", kept.erased)
    assert erased.status == 0, erased.out + erased.err
    assert (await letterbox(visitor.stack, "backup", "--erasures")).status == 0
    kept.mails = len(mails(kept.live))


async def send_on(kept: Kept, visitor: Visitor) -> None:
    """Write on and on, but not for ever."""
    for _ in range(12):
        sent = await visitor.send({"message": "Written while the backup is made."}, [("a.pdf", files.pdf("A tide."))])
        kept.before.append(sent.id)
        await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def owner(kept: Kept) -> AsyncIterator[Visitor]:
    """A visitor of the restored system."""
    async with running(kept.home) as visitor:
        yield visitor


async def test_all_that_was_accepted_before_the_backup_began_is_there_and_nothing_is_missing(
    kept: Kept, owner: Visitor
) -> None:
    assert kept.restored.json["loaded"]["lost_objects"] == kept.restored.json["finished"]["findings"] == []
    now = await rows(owner)
    there = {row["id"] for row in now["contact_submissions"]}
    assert set(kept.before) - {kept.erased} <= there
    for table, was in kept.rows.items():
        ours = [row for row in was if kept.erased not in json.dumps(row)]
        assert [row for row in ours if row not in now[table]] == [], table
    bytes_now = await objects(owner)
    assert {k: v for k, v in kept.objects.items() if kept.erased not in k}.items() <= bytes_now.items()
    found = await answers(owner, *QUERIES)
    for query, was in kept.answers.items():
        assert [hit for hit in was if hit["contact_id"] != kept.erased and hit not in found[query]] == [], query
    verified = await letterbox(owner.stack, "verify", "--grace", "0", "--json")
    assert verified.status == 0, verified.out


async def test_links_and_keys_are_what_they_were(kept: Kept, owner: Visitor) -> None:
    again = await owner.send({"message": "A backup keeps its links."}, key=kept.key)
    assert again.id == kept.keyed
    assert (await owner.journey(kept.done))["status"] == "partly failed"
    assert owner.stack.owner_key == (kept.live / "owner.key").read_text().strip()
    released = await letterbox(owner.stack, "held", "list")
    assert kept.held in released.out


async def test_no_mail_goes_out_and_what_no_event_proves_is_uncertain(kept: Kept, owner: Visitor) -> None:
    assert (await owner.ended(kept.untold))["status"] in ("done", "partly failed")
    mine = [row for row in (await rows(owner))["sent_mails"] if row[0] == kept.untold]
    assert mine == [[kept.untold, "owner", "uncertain"], [kept.untold, "sender", "uncertain"]]
    assert kept.restored.json["loaded"]["settled"]["uncertain_mails"] >= 2
    assert mails(kept.home) == []


async def test_what_was_erased_since_is_erased_again(kept: Kept, owner: Visitor) -> None:
    assert kept.restored.json["finished"]["erased_again"] == [kept.erased]
    now = await rows(owner)
    assert kept.erased not in json.dumps([now[table] for table in now if table not in ("erasures", "journey")])
    assert [row[3] for row in now["erasures"]] == [True]
    assert [key for key in await objects(owner) if kept.erased in key] == []
    assert await owner.found("", contact_id=[kept.erased]) == []
    assert (await owner.journey(kept.erased))["status"] == "erased"


async def test_from_stream_and_objects_alone_everything_comes_back_equal_and_no_mail_goes_out(
    kept: Kept, owner: Visitor
) -> None:
    before = (await rows(owner), await objects(owner), await answers(owner, *QUERIES))
    assert before[0]["contact_submissions"]
    again = await at_home(kept.home, "rebuild")
    assert (again.status, "letterbox down" in again.err) == (1, True)
    async with postgres_pool(postgres_as(owner.stack, "storage", owner.stack.ports["postgres"])) as pool:
        await owner.stack.stop("storage")
        await drop_everything(pool)
    await owner.stack.stop_all()
    shutil.rmtree(kept.home / "index")
    rebuilt = await ok(kept.home, "rebuild", "--json")
    assert rebuilt.json["finished"]["findings"] == []
    async with running(kept.home) as visitor:
        after = (await rows(visitor), await objects(visitor), await answers(visitor, *QUERIES))
    for table, was in before[0].items():
        assert after[0][table] == was, table
    assert after == before
    assert mails(kept.home) == []
    refused = await at_home(kept.home, "rebuild")
    assert refused.status == 1
    assert "not empty" in refused.err


async def test_a_system_with_something_in_it_is_not_restored_to(kept: Kept) -> None:
    backups = str(kept.live / "backups")
    refused = await at_home(kept.home, "restore", backups, "--key", str(kept.live / "secrets" / "backup"))
    assert refused.status == 1
    assert "needs an empty system" in refused.err
