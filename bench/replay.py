"""Filling the next index from the stream beside a running service, against writing the same documents directly."""

import asyncio
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import nats
from pydantic import SecretStr

from bench.backlog import handled, publish, submission
from bench.measure import ROUNDS, Row, stack_for, until
from bench.prose import prose
from letterbox.local.objects import REGION, access_key
from letterbox.local.stack import LocalStack
from libs.events.catalogue import MESSAGE, DocumentExtracted, SubmissionCreated, SubmissionStored, document_id
from libs.events.replay import FOR_EVER, REINDEX, Replays
from libs.events.streams import INDEXER_PREVIEW, INDEXER_REBUILD
from libs.index.generations import TantivyGenerations
from libs.index.protocol import IndexedDocument
from libs.index.tantivy import TantivyIndex
from libs.objects.store import object_store
from libs.service.settings import ObjectSettings
from services.indexer import texts
from services.indexer.indexes import BUILDING, GENERATION, PHASE
from services.indexer.texts import KeptText

MESSAGES = 10_000
DOCUMENTS = 3_000
"""In the row with documents, one submission in two has one."""
MESSAGE_CHARACTERS, DOCUMENT_CHARACTERS = 600, 10_000
BATCH = 200
AT_ONCE = 32
SERVERS = ("nats", "object-store", "indexer")


async def run(*, quick: bool) -> list[Row]:
    """A row for short messages alone, and one for messages and documents."""
    some = 10 if quick else 1
    messages = [submission(number) for number in range(MESSAGES // some)]
    alone = await _measured(f"replay of {len(messages):,} short messages into the next index", messages, [], quick)
    submissions = [
        one.model_copy(update={"message": prose(MESSAGE_CHARACTERS, seed)})
        for seed, one in enumerate(messages[: 2 * DOCUMENTS // some])
    ]
    documents = [_kept(one, seed) for seed, one in enumerate(submissions[::2])]
    what = f"replay of {len(submissions):,} messages and {len(documents):,} documents into the next index"
    return [alone, await _measured(what, submissions, documents, quick)]


async def _measured(what: str, submissions: list[SubmissionCreated], documents: list[KeptText], quick: bool) -> Row:
    ours, baseline = [], []
    indexed = [_message(one) for one in submissions] + [one.indexed() for one in documents]
    async with stack_for(SERVERS) as stack:
        await _fill(stack, submissions, documents)
        for _ in range(1 if quick else ROUNDS):
            baseline.append(await directly(indexed))
            ours.append(await _replayed(stack, len(indexed)))
    return Row.at_least(what, ours, baseline, 0.7, "documents/s")


async def _fill(stack: LocalStack, submissions: list[SubmissionCreated], documents: list[KeptText]) -> None:
    """What ingest, storage and indexer publish and keep, and wait until it is indexed for the first time."""
    settings = ObjectSettings(
        s3_endpoint_url=stack.address("object-store"), s3_region=REGION,
        s3_access_key=access_key("indexer"), s3_secret_key=SecretStr(stack.secret("s3-indexer")),
    )  # fmt: skip
    async with object_store(settings) as objects:
        for begin in range(0, len(documents), AT_ONCE):
            await asyncio.gather(*(texts.keep(objects, one) for one in documents[begin : begin + AT_ONCE]))
    await publish(stack, "ingest", submissions)
    await publish(stack, "indexer", [_extracted(one) for one in documents])
    await publish(stack, "storage", [_stored(one) for one in submissions])
    index = TantivyIndex(stack.home.path / "index")

    async def indexed() -> bool:
        return await index.count() == len(submissions) + len(documents)

    await until(indexed, 600)
    await handled(stack, INDEXER_PREVIEW.name, 600)  # it finds nothing to draw, and is not measured
    await index.close()


async def directly(documents: Sequence[IndexedDocument]) -> float:
    """Documents per second into a new index, in batches and with nothing beside them."""
    folder = Path(mkdtemp(prefix="letterbox-bench-"))
    index = TantivyIndex(folder, writer=True)
    began = time.perf_counter()
    for begin in range(0, len(documents), BATCH):
        await index.write(documents[begin : begin + BATCH])
    seconds = time.perf_counter() - began
    await index.close()
    shutil.rmtree(folder)
    return len(documents) / seconds


def _message(one: SubmissionCreated) -> IndexedDocument:
    return IndexedDocument(
        document_id=document_id(one.submission_id, MESSAGE), contact_id=one.submission_id, filename="message",
        title=one.subject_line, text=one.message, contact_name=one.name, document_type="message", tags=(),
        language="en", status="indexed", created_at=one.created_at, size=len(one.message),
    )  # fmt: skip


def _kept(one: SubmissionCreated, seed: int) -> KeptText:
    return KeptText(
        submission_id=one.submission_id, number="1", generation=1, filename="notes.txt", contact_name=one.name,
        created_at=one.created_at, size=DOCUMENT_CHARACTERS, pages=(prose(DOCUMENT_CHARACTERS, seed),), title="Notes",
        language="en", tags=(), extractor="text",
    )  # fmt: skip


def _extracted(one: KeptText) -> DocumentExtracted:
    return DocumentExtracted(
        submission_id=one.submission_id, number=one.number, text_key=one.key, characters=one.size, pages=1,
        language="en", extractor="text",
    )  # fmt: skip


def _stored(one: SubmissionCreated) -> SubmissionStored:
    return SubmissionStored(submission_id=one.submission_id, attachments=0)


async def _replayed(stack: LocalStack, count: int) -> float:
    """Documents per second from the first that indexer takes to the last."""
    nc = await nats.connect(
        stack.address("nats"), user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
    )
    replays = Replays(nc)
    generation = await TantivyGenerations(stack.home.path / "index").new()
    metadata = {PHASE: BUILDING, GENERATION: generation}
    await replays.begin(REINDEX, INDEXER_REBUILD.filters, until=FOR_EVER, metadata=metadata)

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
