"""The contract of the index's generations, and of the two questions that verification asks an index."""

import json
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from libs.index.generations import Generations, MeilisearchGenerations, TantivyGenerations
from libs.index.protocol import Filters, Query, SearchIndex, Unavailable
from libs.index.tantivy import TantivyIndex
from tests.contract.test_index import CV, INVOICE, KEY, LIVE, MESSAGE


@pytest.fixture(params=["tantivy", "meilisearch"] if LIVE else ["tantivy"])
async def generations(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Generations]:
    if request.param == "tantivy":
        yield TantivyGenerations(tmp_path / "index")
    else:
        yield MeilisearchGenerations(os.environ["LETTERBOX_TEST_MEILISEARCH_URL"], KEY, f"test_{uuid.uuid4().hex}")


async def names(index: SearchIndex) -> list[str]:
    return sorted(hit.document_id for hit in (await index.search(Query(limit=10))).hits)


async def test_a_swap_exchanges_what_searches_find_and_keeps_the_old_one(generations: Generations) -> None:
    live = await generations.live()
    index = await generations.open(live, writer=True)
    await index.write([INVOICE])
    assert await generations.others() == []
    following = await generations.new()
    assert await generations.others() == [following]
    other = await generations.open(following, writer=True)
    await other.write([MESSAGE, CV])
    await index.close()
    await other.close()
    kept = await generations.swap(following)
    assert await generations.others() == [kept]
    index = await generations.open(await generations.live(), writer=False)
    assert await names(index) == ["d2", "d3"]
    await index.close()
    old = await generations.open(kept, writer=False)
    assert await names(old) == ["d1"]
    await old.close()
    await generations.swap(kept)
    index = await generations.open(await generations.live(), writer=False)
    assert await names(index) == ["d1"]
    await index.close()
    empty = await generations.open(await generations.new(), writer=False)
    assert await empty.count() == 0
    await empty.close()


async def test_an_index_names_its_ids_and_counts_each(generations: Generations) -> None:
    index = await generations.open(await generations.live(), writer=True)
    many = [replace(INVOICE, document_id=f"{number:08x}-0") for number in range(2500)]
    await index.write(many)
    named = [one async for ids in index.ids() for one in ids]
    assert sorted(named) == [one.document_id for one in many]
    asked = [many[7].document_id, "00ffffff-0"]
    assert await index.occurrences(asked) == {asked[0]: 1, asked[1]: 0}
    await index.close()


async def test_a_reader_follows_the_swap_without_being_opened_again(tmp_path: Path) -> None:
    generations = TantivyGenerations(tmp_path)
    reader = TantivyIndex(tmp_path)
    assert await names(reader) == []
    following = await generations.new()
    other = await generations.open(following, writer=True)
    await other.write([CV])
    await generations.swap(following)
    assert await names(reader) == ["d3"]
    await other.close()
    await reader.close()


async def test_an_index_from_before_there_were_generations_is_taken_over(tmp_path: Path) -> None:
    first = TantivyIndex(tmp_path, writer=True)
    await first.write([INVOICE])
    await first.close()
    (tmp_path / "live").unlink()
    for file in (tmp_path / "1").iterdir():
        file.replace(tmp_path / file.name)
    (tmp_path / "1").rmdir()
    reader = TantivyIndex(tmp_path)
    assert await names(reader) == ["d1"]
    await reader.close()


def earlier(path: Path, *without: str) -> None:
    """Generation 1 in the folder `path`, as a version made it whose documents had fewer fields."""
    TantivyIndex(path)
    folder = path / "1"
    meta = json.loads((folder / "meta.json").read_text())
    meta["schema"] = [field for field in meta["schema"] if field["name"] not in without]
    (folder / "meta.json").write_text(json.dumps(meta))


ADDED = ("parts", "tie", "created_at_asc", "created_at_desc", "size_asc", "size_desc")
"""What version 0.1 did not have."""


async def test_an_index_of_an_earlier_version_answers_as_it_did_until_the_next_is_swapped_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    earlier(tmp_path, *ADDED)
    with caplog.at_level("WARNING"):
        writer, reader = TantivyIndex(tmp_path, writer=True), TantivyIndex(tmp_path)
    assert "run `letterbox reindex`" in caplog.text
    await writer.write([INVOICE, MESSAGE, CV])
    assert await names(reader) == ["d1", "d2", "d3"]
    dated = await reader.search(Query(sort="created_at:desc", filters=Filters(contact_id=("c1",)), facets=("tags",)))
    assert [hit.document_id for hit in dated.hits] == ["d2", "d1"]
    assert (await reader.search(Query("61107"))).total == 0
    assert "d1" not in [hit.document_id for hit in (await reader.search(Query(like="d1"))).hits]
    assert await reader.suggest(Query("lighthouse unicorn")) == ("lighthouse",)
    assert await writer.delete_submission("c2") == 1
    generations = TantivyGenerations(tmp_path)
    following = await generations.new()
    other = await generations.open(following, writer=True)
    await other.write([INVOICE])
    await generations.swap(following)
    assert (await reader.search(Query("261107"))).total == 1
    for index in (writer, reader, other):
        await index.close()


async def test_an_index_that_cannot_be_read_is_refused_in_words(tmp_path: Path) -> None:
    earlier(tmp_path, "source")
    for writer in (True, False):
        with pytest.raises(Unavailable, match="run `letterbox reindex`"):
            TantivyIndex(tmp_path, writer=writer)
