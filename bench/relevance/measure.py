"""The row `relevance`: recall and mean reciprocal rank of known documents, by the kind of the question."""

import os
import shutil
import sys
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import mkdtemp

from bench.measure import Row
from bench.relevance.corpus import corpus
from bench.relevance.questions import COUNTS, Question, questions
from libs.index.protocol import IndexedDocument, Query, SearchIndex

DOCUMENTS = 2400
LOOKED_AT = 10
BATCH = 200
RECALL_BARS = {"exact": 0.97, "one typo": 0.92}
MRR_BAR = 0.85


async def run(*, quick: bool) -> list[Row]:
    """A row for each kind of question and one for all, for every index that can be reached."""
    documents = corpus(DOCUMENTS // 6 if quick else DOCUMENTS)
    asked = questions(documents, share=5 if quick else 1)
    async with _embedded() as index:
        rows = _rows("embedded", await _ranks(index, documents, asked), barred=True)
    url = os.environ.get("LETTERBOX_TEST_MEILISEARCH_URL")
    if url:
        async with _meilisearch(url) as index:
            rows += _rows("Meilisearch", await _ranks(index, documents, asked), barred=False)
    return rows


async def _ranks(
    index: SearchIndex, documents: Sequence[IndexedDocument], asked: Sequence[Question]
) -> dict[str, list[int | None]]:
    """Where among the first hits the meant document was, counted from 1, by kind; None where it was not."""
    for begin in range(0, len(documents), BATCH):
        await index.write(documents[begin : begin + BATCH])
    ranks: dict[str, list[int | None]] = {kind: [] for kind in COUNTS}
    for question in asked:
        hits = (await index.search(Query(question.words, limit=LOOKED_AT))).hits
        places = [place for place, hit in enumerate(hits, 1) if hit.document_id == question.document_id]
        ranks[question.kind].append(places[0] if places else None)
        if not places and "LETTERBOX_BENCH_MISSES" in os.environ:
            print(f"missed: {question}", file=sys.stderr)
    return ranks


def _rows(name: str, ranks: dict[str, list[int | None]], *, barred: bool) -> list[Row]:
    rows = []
    for kind, some in ranks.items():
        recall, bar = _recall(some, LOOKED_AT), RECALL_BARS.get(kind) if barred else None
        what = f"relevance, {name}: {kind} ({len(some)}), recall@{LOOKED_AT}"
        rows.append(_row(what, some, recall, bar))
    everything = [rank for some in ranks.values() for rank in some]
    what = f"relevance, {name}: all ({len(everything)}), MRR"
    return [*rows, _row(what, everything, _mrr(everything), MRR_BAR if barred else None)]


def _row(what: str, ranks: list[int | None], value: float, bar: float | None) -> Row:
    shown = f"@1 {_recall(ranks, 1):.3f}, @{LOOKED_AT} {_recall(ranks, LOOKED_AT):.3f}, MRR {_mrr(ranks):.3f}"
    return Row(what, shown, "—", value, "no bar" if bar is None else f"≥ {bar:g}", bar is None or value >= bar)


def _recall(ranks: list[int | None], most: int) -> float:
    return sum(rank is not None and rank <= most for rank in ranks) / len(ranks)


def _mrr(ranks: list[int | None]) -> float:
    return sum(1 / rank for rank in ranks if rank) / len(ranks)


@asynccontextmanager
async def _embedded() -> AsyncIterator[SearchIndex]:
    from libs.index.tantivy import TantivyIndex

    folder = Path(mkdtemp(prefix="letterbox-bench-"))
    index = TantivyIndex(folder, writer=True)
    try:
        yield index
    finally:
        await index.close()
        shutil.rmtree(folder)


@asynccontextmanager
async def _meilisearch(url: str) -> AsyncIterator[SearchIndex]:
    from libs.index.meilisearch import MeilisearchIndex

    index = MeilisearchIndex(url, os.environ.get("LETTERBOX_TEST_MEILISEARCH_KEY"), f"bench_{uuid.uuid4().hex}")
    await index.prepare()
    try:
        yield index
    finally:
        await index.drop()
        await index.close()
