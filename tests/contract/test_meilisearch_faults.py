"""What Meilisearch's errors mean to whoever writes: it is away, or the documents are at fault."""

from collections.abc import AsyncIterator

import pytest

from libs.index.generations import MeilisearchGenerations
from libs.index.meilisearch import MeilisearchIndex
from libs.index.protocol import InvalidQuery, Query, RefusedDocuments, Unavailable
from tests.contract.test_index import CV, INVOICE, MESSAGE
from tests.support.meilisearch_scripted import FULL_DISK, FULL_QUEUE, ScriptedMeilisearch

ALL = [INVOICE, MESSAGE, CV]


@pytest.fixture
async def engine() -> AsyncIterator[ScriptedMeilisearch]:
    async with ScriptedMeilisearch() as engine:
        yield engine


@pytest.fixture
async def index(engine: ScriptedMeilisearch) -> AsyncIterator[MeilisearchIndex]:
    index = MeilisearchIndex(engine.url, engine.master)
    await index.prepare()
    yield index
    await index.close()


@pytest.mark.parametrize(
    "fault",
    [
        FULL_DISK,
        ("too_many_open_files", "system", "Too many open files."),
        ("io_error", "system", "Input/output error."),
        ("database_size_limit_reached", "internal", "Maximum database size has been reached."),
        ("invalid_store_file", "internal", "The database file is in an invalid state."),
    ],
    ids=lambda fault: fault[0],
)
async def test_a_task_that_fails_over_what_the_machine_lacks_blames_no_document(
    engine: ScriptedMeilisearch, index: MeilisearchIndex, fault: tuple[str, str, str]
) -> None:
    engine.fails_tasks = fault
    with pytest.raises(Unavailable):
        await index.write(ALL)
    with pytest.raises(Unavailable):
        await index.delete_submission("c1")
    engine.fails_tasks = None
    await index.write(ALL)
    assert set(engine.documents()) == {"d1", "d2", "d3"}


async def test_a_full_queue_of_tasks_and_a_canceled_task_blame_no_document(
    engine: ScriptedMeilisearch, index: MeilisearchIndex
) -> None:
    engine.refuses_tasks = FULL_QUEUE
    with pytest.raises(Unavailable):
        await index.write(ALL)
    engine.refuses_tasks, engine.cancels_tasks = None, True
    with pytest.raises(Unavailable):
        await index.write(ALL)
    engine.cancels_tasks = False
    await index.write(ALL)
    assert len(engine.documents()) == 3


async def test_what_is_too_large_for_one_request_is_written_in_several(
    engine: ScriptedMeilisearch, index: MeilisearchIndex
) -> None:
    tasks = len(engine.tasks)
    engine.largest = 800
    await index.write(ALL)
    assert set(engine.documents()) == {"d1", "d2", "d3"}
    assert len(engine.tasks) - tasks > 1


async def test_one_document_that_is_too_large_for_any_request_is_refused(
    engine: ScriptedMeilisearch, index: MeilisearchIndex
) -> None:
    engine.largest = 100
    with pytest.raises(RefusedDocuments, match="payload_too_large"):
        await index.write([INVOICE])


@pytest.mark.parametrize("code", ["invalid_document_id", "internal", "max_fields_limit_exceeded"])
async def test_a_task_that_fails_over_a_document_says_so(
    engine: ScriptedMeilisearch, index: MeilisearchIndex, code: str
) -> None:
    engine.blames = lambda document: code if document["document_id"] == "d2" else None
    with pytest.raises(RefusedDocuments, match=code):
        await index.write(ALL)
    await index.write([INVOICE, CV])
    assert set(engine.documents()) == {"d1", "d3"}


async def test_settings_and_swaps_that_fail_mean_that_it_is_away(engine: ScriptedMeilisearch) -> None:
    generations = MeilisearchGenerations(engine.url, engine.master)
    engine.fails_tasks = FULL_DISK
    with pytest.raises(Unavailable):
        await generations.new()
    engine.fails_tasks = None
    with pytest.raises(Unavailable, match="index_not_found"):
        await generations.swap("documents_next")


async def test_a_search_that_cannot_be_answered_now_is_not_the_askers_fault(
    engine: ScriptedMeilisearch, index: MeilisearchIndex
) -> None:
    engine.refuses_searches = (
        "too_many_search_requests",
        "system",
        "Too many search requests running at the same time.",
    )
    with pytest.raises(Unavailable):
        await index.search(Query("lantern"))
    engine.refuses_searches = ("invalid_search_filter", "invalid_request", "Attribute `x` is not filterable.")
    with pytest.raises(InvalidQuery):
        await index.search(Query("lantern"))
