"""Filling the next index from the stream beside a running service, against writing the same documents directly."""

import shutil
import time
from pathlib import Path
from tempfile import mkdtemp

import nats

from bench.backlog import publish, submission
from bench.measure import ROUNDS, Row, stack_for, until
from letterbox.local.stack import LocalStack
from libs.events.catalogue import MESSAGE, SubmissionCreated, SubmissionStored, document_id
from libs.events.replay import FOR_EVER, REINDEX, Replays
from libs.events.streams import INDEXER_INDEX
from libs.index.generations import TantivyGenerations
from libs.index.protocol import IndexedDocument
from libs.index.tantivy import TantivyIndex
from services.indexer.indexes import BUILDING, GENERATION, PHASE

COUNT = 10_000
BATCH = 200
SERVERS = ("nats", "object-store", "indexer")


async def run(*, quick: bool) -> list[Row]:
    """The row."""
    count = COUNT // 10 if quick else COUNT
    ours, baseline = [], []
    async with stack_for(SERVERS) as stack:
        submissions = [submission(number) for number in range(count)]
        await _fill(stack, submissions)
        for _ in range(1 if quick else ROUNDS):
            baseline.append(await _directly(submissions))
            ours.append(await _replayed(stack, count))
    return [Row.at_least(f"replay of {count:,} messages into the next index", ours, baseline, 0.7, "/s")]


async def _fill(stack: LocalStack, submissions: list[SubmissionCreated]) -> None:
    """What ingest and storage publish, and wait until it is indexed for the first time."""
    await publish(stack, "ingest", submissions)
    stored = [SubmissionStored(submission_id=one.submission_id, attachments=0) for one in submissions]
    await publish(stack, "storage", stored)
    index = TantivyIndex(stack.home.path / "index")

    async def indexed() -> bool:
        return await index.count() == len(submissions)

    await until(indexed, 600)
    await index.close()


async def _directly(submissions: list[SubmissionCreated]) -> float:
    folder = Path(mkdtemp(prefix="letterbox-bench-"))
    index = TantivyIndex(folder, writer=True)
    documents = [_document(one) for one in submissions]
    began = time.perf_counter()
    for begin in range(0, len(documents), BATCH):
        await index.write(documents[begin : begin + BATCH])
    seconds = time.perf_counter() - began
    await index.close()
    shutil.rmtree(folder)
    return len(documents) / seconds


def _document(one: SubmissionCreated) -> IndexedDocument:
    return IndexedDocument(
        document_id=document_id(one.submission_id, MESSAGE), contact_id=one.submission_id, filename="message",
        title=one.subject_line, text=one.message, contact_name=one.name, document_type="message", tags=(),
        language="en", status="indexed", created_at=one.created_at, size=len(one.message),
    )  # fmt: skip


async def _replayed(stack: LocalStack, count: int) -> float:
    """Messages per second from the first that indexer takes to the last."""
    nc = await nats.connect(
        stack.address("nats"), user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
    )
    replays = Replays(nc)
    generation = await TantivyGenerations(stack.home.path / "index").new()
    metadata = {PHASE: BUILDING, GENERATION: generation}
    await replays.begin(REINDEX, INDEXER_INDEX.filters, until=FOR_EVER, metadata=metadata)

    async def left() -> int:
        return (await replays.progress(REINDEX)).left

    async def begun() -> bool:
        return await left() < count

    async def done() -> bool:
        return await left() == 0

    await until(begun, 60, 0.01)
    already, began = count - await left(), time.perf_counter()
    await until(done, 300, 0.02)
    seconds = time.perf_counter() - began
    await replays.end(REINDEX)
    await nc.close()
    return (count - already) / seconds
