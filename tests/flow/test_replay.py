"""Replay: handling everything again, twice, changes nothing; what was lost comes back; no mail goes out."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.flow.test_verify import clean, done, record
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, visiting


@pytest.fixture(scope="module")
async def keeper() -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


async def everything(visitor: Visitor) -> dict[str, Any]:
    """Rows, objects, index and mails, as they are now."""
    state: dict[str, Any] = {}
    async with record(visitor) as sql:
        for table in ("contact_submissions", "documents", "document_states", "journey", "sent_mails"):
            rows = await sql.fetch(f"select to_jsonb(t) - 'recorded_at' as row from {table} t order by 1")
            state[table] = [json.loads(row["row"]) for row in rows]
    state["objects"] = [(key, size) async for key, _, size in visitor.objects.keys("")]
    state["index"] = sorted((hit["document_id"], hit["status"]) for hit in await visitor.found(""))
    state["mails"] = sorted(file.name for file in (visitor.stack.home.path / "mail").glob("[0-9]*.eml"))
    return state


async def test_replaying_everything_twice_changes_nothing(keeper: Visitor) -> None:
    for _ in range(3):
        await done(keeper)
    await clean(keeper)
    before = await everything(keeper)
    for service in ("storage", "indexer", "notifier"):
        for effects in ([], ["--effects"]):
            replayed = await letterbox(keeper.stack, "replay", service, "--json", *effects)
            assert replayed.status == 0, replayed.err
            assert all(count >= 3 for count in replayed.json.values())
    assert await everything(keeper) == before
    await clean(keeper)


async def test_what_was_lost_comes_back(keeper: Visitor) -> None:
    submission = await done(keeper)
    await clean(keeper)
    before = await everything(keeper)
    async with record(keeper) as sql:
        await sql.execute("truncate contact_submissions, documents, document_states, journey, sent_mails")
    for service in ("storage", "notifier"):
        counted = await letterbox(keeper.stack, "replay", service, "--dry-run", "--json")
        replayed = await letterbox(keeper.stack, "replay", service, "--json")
        assert replayed.json == counted.json
    after = await everything(keeper)
    for rows in (before, after):  # when the ledger's rows were written is what it was rebuilt for
        rows["sent_mails"] = sorted((row["submission_id"], row["target"], row["state"]) for row in rows["sent_mails"])
    assert after == before
    assert len(keeper.mails(submission)) == 2


async def test_a_slice_is_all_that_is_handled_again(keeper: Visitor) -> None:
    submission = await done(keeper)
    one = await letterbox(keeper.stack, "replay", "storage-record", "--submission", submission, "--json")
    assert one.json == {"storage-record": 1}
    some = await letterbox(keeper.stack, "replay", "indexer", "--subject", "document.stored.*.2", "--json")
    assert set(some.json) == {"indexer-extract"}
    old = await letterbox(keeper.stack, "replay", "indexer", "--until", "2020-01-01", "--json")
    assert set(old.json.values()) == {0}
    assert (await letterbox(keeper.stack, "replay", "nobody")).status == 2
