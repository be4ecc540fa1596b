"""`letterbox verify` over 100,000 submissions against 10,000: its time grows no faster than what it looks at."""

import asyncio
import time

from pydantic import SecretStr

from bench.fill import fill_record
from bench.measure import Row, output_of, stack_for
from bench.storage import migrated
from letterbox.local.objects import REGION, access_key
from letterbox.local.stack import LocalStack
from libs.events.catalogue import MESSAGE, SubmissionCreated
from libs.index.tantivy import TantivyIndex
from libs.objects.store import object_store
from libs.service.settings import ObjectSettings
from services.indexer import texts
from services.indexer.texts import KeptText

FEW, MANY = 10_000, 100_000
MOST = 12.0
BATCH = 2000
AT_ONCE = 64
SERVERS = ("nats", "postgres", "object-store")


async def run(*, quick: bool) -> list[Row]:
    """The row."""
    some = 20 if quick else 1
    few, many = FEW // some, MANY // some
    async with stack_for(SERVERS) as stack:
        await migrated(stack)
        await _fill(stack, 0, few)
        short = await _verified(stack, few)
        await _fill(stack, few, many)
        long = await _verified(stack, many)
    return [Row.at_most(f"verify over {many:,} against {few:,} submissions", [long], [short], MOST, "s")]


async def _fill(stack: LocalStack, first: int, last: int) -> None:
    """Everywhere: stream, record, mail ledger, kept texts, index."""
    kept = [_kept(one) for one in await fill_record(stack, first, last)]
    settings = ObjectSettings(
        s3_endpoint_url=stack.address("object-store"), s3_region=REGION,
        s3_access_key=access_key("indexer"), s3_secret_key=SecretStr(stack.secret("s3-indexer")),
    )  # fmt: skip
    async with object_store(settings, connections=AT_ONCE) as objects:
        for begin in range(0, len(kept), AT_ONCE):
            await asyncio.gather(*(texts.keep(objects, one) for one in kept[begin : begin + AT_ONCE]))
    index = TantivyIndex(stack.home.path / "index", writer=True)
    for begin in range(0, len(kept), BATCH):
        await index.write([one.indexed() for one in kept[begin : begin + BATCH]])
    await index.close()


async def _verified(stack: LocalStack, count: int) -> float:
    """Seconds; what it finds amiss ends the benchmark."""
    began = time.perf_counter()
    home = {"LETTERBOX_HOME": str(stack.home.path)}
    text = await output_of("letterbox", "verify", "--grace", "0", environment=home, seconds=900)
    if f"{count:,}" not in text and str(count) not in text:
        raise RuntimeError(f"verify did not look at all {count}: {text}")
    return time.perf_counter() - began


def _kept(one: SubmissionCreated) -> KeptText:
    return KeptText(
        submission_id=one.submission_id, number=MESSAGE, generation=1, filename="message", contact_name=one.name,
        created_at=one.created_at, size=len(one.message.encode()), pages=(one.message,), title=one.subject_line,
        language="en", document_type="message", extractor="message",
    )  # fmt: skip
