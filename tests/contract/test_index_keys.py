"""Meilisearch's keys: each does its user's whole work and no request beyond the table `deploy/rights.toml`."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest

from letterbox.index_keys import key_of, key_uid, prepare_keys
from letterbox.rights_check import check_index
from libs.index.generations import MeilisearchGenerations
from libs.index.protocol import Filters, Query
from libs.rights import rights
from tests.contract.test_index import CV, INVOICE, MESSAGE
from tests.support.meilisearch_scripted import ACTIONS, ScriptedMeilisearch

WORKS = ("operator", "indexer", "search")


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedMeilisearch]:
    async with ScriptedMeilisearch() as engine:
        await prepare_keys(engine.url, engine.master)
        yield engine


async def indexers_work(generations: MeilisearchGenerations) -> None:
    """A day with everything: files, an infected one, an erasure, and an index that is built beside."""
    for name in (await generations.live(), "documents_next"):
        index = await generations.open(name, writer=True)
        await index.ready()
        await index.write([INVOICE, MESSAGE, replace(CV, document_id="d9")])
        await index.delete_document("d9")
        assert await index.delete_submission("c1") == 2
        await index.write([INVOICE, MESSAGE])
        await index.close()
    assert await generations.others() == ["documents_next"]


async def searchs_work(generations: MeilisearchGenerations) -> None:
    index = await generations.open("documents", writer=False)
    await index.ready()
    found = await index.search(Query("lantern", filters=Filters(document_type=("invoice",)), facets=("document_type",)))
    assert [hit.document_id for hit in found.hits] == ["d1"]
    await index.search(Query(like="d1"))
    await index.suggest(Query("lantrn"))
    await index.close()


async def operators_work(generations: MeilisearchGenerations) -> None:
    """`letterbox verify` and `letterbox reindex`."""
    for name in ("documents", await generations.new()):
        index = await generations.open(name, writer=False)
        [page async for page in index.ids()]
        await index.occurrences(["d1"])
        await index.count()
        await index.search(Query("lantern"))
        await index.close()
    await generations.swap("documents_next")
    assert await generations.others() == ["documents_next"]


async def test_every_key_is_enough_for_its_users_work_and_has_nothing_that_is_not_used(
    engine: ScriptedMeilisearch,
) -> None:
    for user, work in (("indexer", indexers_work), ("search", searchs_work), ("operator", operators_work)):
        await work(MeilisearchGenerations(engine.url, key_of(user, engine.master)))
        used, given = engine.used[f"letterbox-{user}"], rights("index")[user]
        assert {action for action, _ in used} == set(given["actions"]), user
        # Whoever sees the task of a swap must be allowed to all indexes.
        assert {index for _, index in used} - {"*"} <= set(given["indexes"]) or given["indexes"] == ["*"], user
        assert ("*" in {index for _, index in used}) == (given["indexes"] == ["*"]), user


async def test_every_request_beyond_a_keys_actions_and_indexes_is_refused(engine: ScriptedMeilisearch) -> None:
    await indexers_work(MeilisearchGenerations(engine.url, engine.master))
    refused = 0
    for user, may in rights("index").items():
        headers = {"Authorization": f"Bearer {key_of(user, engine.master)}"}
        async with httpx2.AsyncClient(base_url=engine.url, headers=headers) as client:
            for (method, path, action), uid in itertools.product(ACTIONS, ("documents", "documents_next", "theirs")):
                if action in may["actions"] and (uid in may["indexes"] or may["indexes"] == ["*"]):
                    continue
                if action == "tasks.get":
                    continue  # tells of no document; whose tasks it tells is in the test above
                body = {"indexes.swap": [{"indexes": [uid, uid]}], "search": {"queries": [{"indexUid": uid}]}}
                answer = await client.request(
                    method,
                    path.format(uid=uid, id="d1"),
                    json=None if method == "GET" else body.get(action, {"uid": uid}),
                )
                assert (answer.status_code, answer.json()["code"]) == (403, "invalid_api_key"), (user, action, uid)
                refused += 1
            assert (await client.get("/keys")).status_code == 403
    assert refused > 30


async def test_a_right_that_was_added_to_a_key_by_hand_is_named_and_taken_away(engine: ScriptedMeilisearch) -> None:
    made = {key["name"]: {name: key[name] for name in ("actions", "indexes")} for key in engine.keys.values()}
    assert made == {f"letterbox-{user}": may for user, may in rights("index").items()}
    before = engine.key_changes
    await prepare_keys(engine.url, engine.master)
    assert engine.key_changes == before
    assert await check_index(engine.url, engine.master) == []

    engine.keys[key_uid("search")]["actions"] = [*rights("index")["search"]["actions"], "documents.delete"]
    engine.keys["theirs"] = {"name": None, "uid": "theirs", "key": "x", "actions": ["*"], "indexes": ["documents"]}
    assert await check_index(engine.url, engine.master) == [
        "index: not in the table: key theirs: * on documents",
        "index: not in the table: search: documents.delete on documents",
    ]
    await prepare_keys(engine.url, engine.master)
    assert engine.keys[key_uid("search")]["actions"] == rights("index")["search"]["actions"]
