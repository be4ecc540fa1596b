"""Reindex: the next index is built, compared and swapped in while searches go on; and back again.

The three ways that docs/howto/nothing-lost.md shows.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from libs.index.protocol import Filters, Query
from libs.index.tantivy import TantivyIndex
from tests.flow.test_verify import clean, done
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, visiting

PROBE_SECONDS = 0.05
POST_SECONDS = 0.1
T = TypeVar("T")
RULE = '[[rule]]\nname = "one"\ntag = "{}"\nwords = ["lighthouse"]\n'


@pytest.fixture(scope="module")
async def keeper(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own."""
    rules = tmp_path_factory.mktemp("rules") / "rules.toml"
    rules.write_text(RULE.format("invoice"), encoding="utf-8")
    environment = {"ingest": RATES_OFF, "indexer": {"LETTERBOX_RULES_PATH": str(rules)}}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        yield visitor


@asynccontextmanager
async def repeating(step: Callable[[], Awaitable[T]], pause: float) -> AsyncIterator[list[T]]:
    """`step` again and again, and what it answered; any error fails the test."""
    answers: list[T] = []

    async def repeat() -> None:
        while True:
            answers.append(await step())
            await asyncio.sleep(pause)

    task = asyncio.create_task(repeat())
    try:
        yield answers
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_nobody_notices_a_reindex_nor_its_rollback(keeper: Visitor) -> None:
    for _ in range(3):
        await done(keeper)

    async def total() -> int:
        return len(await keeper.found(""))

    live = keeper.stack.home.path / "index" / "live"
    for arguments, generation in (([], "2"), (["--rollback"], "1"), ([], "2")):
        async with repeating(total, PROBE_SECONDS) as totals, repeating(keeper.send, POST_SECONDS) as sent:
            built = await letterbox(keeper.stack, "reindex", "--json", *arguments)
            assert built.status == 0, built.err + built.out
        assert built.json["swapped"]
        assert built.json["lacking"] == built.json["different"] == []
        assert built.json["compared"] > 0
        assert live.readlink().name == generation
        assert sent
        assert len(totals) > 20
        assert totals == sorted(totals)  # no answer ever shrank
        await clean(keeper)


async def test_an_erased_submission_is_gone_from_the_kept_index_too(keeper: Visitor) -> None:
    submission = await done(keeper)
    assert (await letterbox(keeper.stack, "reindex")).status == 0
    erased = await letterbox(keeper.stack, "erase", "--submission", submission, "--json")
    assert erased.json["receipts"][0]["removed"]["indexer"]["index entries"] == 6  # three documents, in two generations
    assert (await letterbox(keeper.stack, "reindex", "--rollback")).status == 0
    assert await keeper.found("", contact_id=[submission]) == []
    await clean(keeper)


async def test_reading_again_reports_what_changed(keeper: Visitor) -> None:
    submission = await done(keeper)
    await clean(keeper)
    same = await letterbox(keeper.stack, "reindex", "--extract", "--json")
    assert same.status == 0, same.err
    assert same.json["extracted"]["changes"] == {}
    assert same.json["extracted"]["unchanged"] == same.json["extracted"]["read"] >= 3
    rules = Path(keeper.stack.environment["indexer"]["LETTERBOX_RULES_PATH"])
    rules.write_text(RULE.format("beacon"), encoding="utf-8")
    await keeper.stack.stop("indexer")
    await keeper.stack.start("indexer")
    again = await letterbox(keeper.stack, "reindex", "--extract")
    assert again.status == 0, again.err
    assert f"{submission}-1  tags" in again.out
    found = {hit["document_id"]: hit for hit in await keeper.found("", contact_id=[submission])}
    assert found[f"{submission}-1"]["tags"] == ["beacon"]
    assert found[f"{submission}-2"]["status"] == "failed"
    first = await letterbox(
        keeper.stack, "replay", "indexer-index", "--subject", f"document.extracted.{submission}.1.1"
    )
    assert first.status == 0, first.err
    index = TantivyIndex(keeper.stack.home.path / "index")
    hits = (await index.search(Query("lighthouse", Filters(contact_id=(submission,))))).hits
    await index.close()
    assert [hit.tags for hit in hits] == [("beacon",)]  # an old reading does not hide a newer one
    await clean(keeper)


async def test_a_next_index_that_lacks_something_is_not_swapped_in(keeper: Visitor) -> None:
    submission = await done(keeper)
    await clean(keeper)
    before = sorted(hit["document_id"] for hit in await keeper.found(""))
    text = f"text/{submission}/1.1.json"
    kept = await keeper.objects.read(text, 1 << 20)
    await keeper.objects.erase(text)
    try:
        refused = await letterbox(keeper.stack, "reindex", "--json")
        assert refused.status == 4, refused.out
        assert refused.json["lacking"] == [f"{submission}-1"]
        assert sorted(hit["document_id"] for hit in await keeper.found("")) == before
    finally:
        await keeper.objects.put(text, kept, "application/json")
