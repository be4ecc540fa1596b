"""Writing documents into the embedded index in batches: against tantivy's own writer with the same texts and fields.

The baseline adds documents that are new for certain, in tantivy's own words (`default` tokenizer), and commits after
each batch as ours does. It looks for no older version, folds no accents, keeps no parts of numbers and no order of
equal hits.
"""

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

import tantivy

from bench.measure import ROUNDS, Row
from bench.replay import BATCH, directly
from bench.search_load import pieces
from libs.index.protocol import IndexedDocument
from libs.index.tantivy import WRITER_BYTES

COUNT = 10_000
RAW = ("document_id", "contact_id", "document_type", "tags", "language", "status")
TEXTS = ("filename", "title", "text", "contact_name")
NUMBERS = ("created_at", "size")


async def run(*, quick: bool) -> list[Row]:
    """One row."""
    documents = pieces(COUNT // 10 if quick else COUNT)
    ours, baseline = [], []
    for _ in range(1 if quick else ROUNDS):
        baseline.append(_engine(documents))
        ours.append(await directly(documents))
    what = f"index writes, {len(documents):,} documents in batches of {BATCH}"
    return [Row.at_least(what, ours, baseline, 0.7, "documents/s")]


def _engine(documents: Sequence[IndexedDocument]) -> float:
    folder = Path(mkdtemp(prefix="letterbox-bench-"))
    builder = tantivy.SchemaBuilder()
    for name in RAW:
        builder.add_text_field(name, stored=True, fast=name != "document_id", tokenizer_name="raw")
    for name in TEXTS:
        builder.add_text_field(name)
    builder.add_text_field("source", stored=True, tokenizer_name="raw", index_option="basic")
    for name in NUMBERS:
        builder.add_integer_field(name, stored=True, indexed=True, fast=True)
    schema = builder.build()
    index = tantivy.Index(schema, path=str(folder))
    writer = index.writer(WRITER_BYTES, 1)
    began = time.perf_counter()
    for begin in range(0, len(documents), BATCH):
        for one in documents[begin : begin + BATCH]:
            writer.add_document(tantivy.Document.from_dict(_plain(one), schema))
        writer.commit()
    index.reload()
    seconds = time.perf_counter() - began
    writer.wait_merging_threads()
    shutil.rmtree(folder)
    return len(documents) / seconds


def _plain(one: IndexedDocument) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(one, name) for name in (*RAW, *TEXTS, "size")}
    source = {name: fields[name] for name in TEXTS}
    tags, created = list(one.tags), int(one.created_at.timestamp())
    return {**fields, "tags": tags, "created_at": created, "source": json.dumps(source, ensure_ascii=False)}
