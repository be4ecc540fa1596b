"""`POST /documents/search` over 50,000 documents, 16 clients: against the engine called without a service around it.

Ours is the search service as it runs: key, validation, index, PostgreSQL, audit log, JSON. The baseline is the same
index opened by a process that calls it from 16 tasks through a thread pool, with the same words, filters, facets and
highlights, and answers with the number of hits alone. One load generator drives both, over 16 connections each.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from bench.fill import copying, record_rows
from bench.measure import ROUNDS, Row, free_port, output_of, process, stack_for
from bench.relevance.corpus import corpus
from bench.relevance.questions import questions
from letterbox.local.stack import LocalStack
from libs.events.catalogue import MESSAGE, DocumentIndexed, Event, SubmissionCreated
from libs.events.delivery import Received
from libs.index.protocol import IndexedDocument
from libs.index.tantivy import TantivyIndex

COUNT, CLIENTS, REQUESTS = 50_000, 16, 2000
SHORTEST, LONGEST = 300, 2500
"""Characters of a document."""
BATCH = 1000
ASKED = 4000
"""Documents that the questions are made from."""
SERVERS = ("nats", "postgres", "object-store", "storage", "search")
FACETS = ["document_type", "tags", "language"]
FILTERS = ((), ("language",), ("document_type",), ("language", "document_type"))
"""Fields that one question after the other is filtered by, with the values of the document that it is to find."""


async def run(*, quick: bool) -> list[Row]:
    """A row for the throughput and one for the slowest answers."""
    count, requests = (COUNT // 10, REQUESTS // 2) if quick else (COUNT, REQUESTS)
    documents = pieces(count)
    asked = _asked(documents[:ASKED])
    ours: list[dict[str, float]] = []
    baseline: list[dict[str, float]] = []
    async with stack_for(SERVERS) as stack:
        folder = stack.home.path / "index"
        await _indexed(folder, documents)
        await _recorded(stack, documents)
        with TemporaryDirectory(prefix="letterbox-bench-") as temporary:
            file, port = Path(temporary) / "questions.json", free_port()
            file.write_text(json.dumps(asked), encoding="utf-8")
            async with process("bench.baseline_search", str(folder), str(file), str(port)) as child:
                assert child.stdout is not None
                await child.stdout.readline()
                http = ["http", str(stack.ports["search"]), stack.owner_key]
                line = ["line", str(port), "-"]
                for target in (http, line):  # both warm
                    await _load(target, file, requests // 4)
                for _ in range(1 if quick else ROUNDS):
                    baseline.append(await _load(line, file, requests))
                    ours.append(await _load(http, file, requests))
    what = f"search over {count:,} documents, {CLIENTS} clients"
    rates = [[one["rate"] for one in some] for some in (ours, baseline)]
    slowest = [[one["p99"] for one in some] for some in (ours, baseline)]
    return [
        Row.at_least(what, rates[0], rates[1], 0.4, "/s"),
        Row.at_most(f"{what}, p99", slowest[0], slowest[1], 2.5, "ms"),
    ]


def pieces(count: int, seed: int = 3) -> list[IndexedDocument]:
    """Documents with ids as they are, each a piece of installed documentation."""
    chance, sources = Random(seed), corpus(2000)
    made = []
    for number in range(count):
        source = sources[number % len(sources)]
        length = chance.randint(SHORTEST, LONGEST)
        begin = chance.randrange(max(1, len(source.text) - length))
        text, identity = source.text[begin : begin + length], f"{chance.getrandbits(128):032x}"
        made.append(
            IndexedDocument(
                document_id=f"{identity}-0", contact_id=identity, filename="message", title=source.title, text=text,
                contact_name="Ada Lovelace", document_type=source.document_type, tags=source.tags,
                language=("en", "en", "de")[number % 3], status="indexed", created_at=source.created_at,
                size=len(text.encode()),
            )
        )  # fmt: skip
    return made


def _asked(documents: Sequence[IndexedDocument]) -> list[dict[str, object]]:
    """Bodies of searches that find something; looking for suggestions would be ours alone."""
    known = {one.document_id: one for one in documents}
    asked: list[dict[str, object]] = []
    for number, one in enumerate(questions(documents)):
        names = FILTERS[number % len(FILTERS)]
        filters = {name: [getattr(known[one.document_id], name)] for name in names}
        asked.append({"query": one.words, "filters": filters, "facets": FACETS, "limit": 20})
    return asked


async def _indexed(folder: Path, documents: Sequence[IndexedDocument]) -> None:
    index = TantivyIndex(folder, writer=True)
    for begin in range(0, len(documents), BATCH):
        await index.write(documents[begin : begin + BATCH])
    await index.close()


async def _recorded(stack: LocalStack, documents: Sequence[IndexedDocument]) -> None:
    """The rows that storage would have written."""
    made = [(_submission(one), DocumentIndexed(submission_id=one.contact_id, number=MESSAGE)) for one in documents]
    received: list[Received[Event]] = [
        Received(event, event.subject, number, one.created_at, 1)
        for number, (one, events) in enumerate(zip(documents, made, strict=True), 1)
        for event in events
    ]
    async with copying(stack) as copy:
        await copy(record_rows(received))


def _submission(one: IndexedDocument) -> SubmissionCreated:
    return SubmissionCreated(
        submission_id=one.contact_id, form="contact", created_at=one.created_at, name=one.contact_name,
        email="ada@example.org", subject_line=one.title, message=one.text,
    )  # fmt: skip


async def _load(target: list[str], file: Path, requests: int) -> dict[str, float]:
    answer: dict[str, float] = json.loads(
        await output_of("bench.load_search", *target, str(file), str(CLIENTS), str(requests), seconds=600)
    )
    return answer
