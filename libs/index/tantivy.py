"""The embedded index: tantivy, in a folder that one process writes and others read.

Queries are built term by term; what a user types never reaches tantivy's query parser. A word may differ in its first
letter, too; marks cover whole words (Meilisearch counts a typo in the first letter twice and marks a matched beginning
only).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import tantivy
from tantivy import Occur

from libs.index.folder import META, Folder
from libs.index.highlight import highlight, opening
from libs.index.protocol import (
    DEEPEST,
    Filters,
    Hit,
    IndexedDocument,
    InvalidQuery,
    Query,
    Results,
    Unavailable,
    WrittenElsewhere,
)
from libs.index.words import Word, Words, parse, tokenize

WRITER_BYTES = 24 << 20
SEARCHED = (("title", 3.0), ("filename", 3.0), ("text", 1.0), ("contact_name", 1.0))
"""Fields that words are looked for in, and what a match there is worth."""
EXACT_BOOST = 4.0
FACET_VALUES = 100
IDS_AT_ONCE = 1000
"""About how many ids are listed at once."""
TOKENS = "folded"

T = TypeVar("T")
TQuery = tantivy.Query


def schema() -> tantivy.Schema:
    """The fields of a document."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("document_id", stored=True, tokenizer_name="raw")
    for name in ("contact_id", "document_type", "tags", "language", "status"):
        builder.add_text_field(name, stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    for name, _ in SEARCHED:
        builder.add_text_field(name, tokenizer_name=TOKENS)
    builder.add_text_field("source", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("created_at", "size"):
        builder.add_integer_field(name, stored=True, indexed=True, fast=True)
    return builder.build()


@dataclass(slots=True)
class Opened:
    """A generation as it is open now."""

    generation: str
    path: Path
    index: Any
    seen: tuple[int, int] | None = None
    """Which commit the index has loaded."""


class TantivyIndex:
    """The index in the folder `path`; `writer` takes the write lock, which one process at a time can have.

    A reader follows the live generation; a writer stays with the one that is live now. With `generation` both take
    that one.
    """

    def __init__(self, path: Path, *, writer: bool = False, generation: str | None = None) -> None:
        self._path = path
        self._folder = Folder(path)
        self._schema = schema()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="index")
        self._follows = not writer and generation is None
        try:
            self._opened = self._open(generation or self._folder.live())
            self._writer = self._opened.index.writer(WRITER_BYTES, 1) if writer else None
        except (OSError, ValueError) as error:
            if "Lock" in str(error):
                raise WrittenElsewhere(f"another process writes the index in {path}") from error
            raise Unavailable(f"the index in {path} cannot be opened: {type(error).__name__}") from error

    async def write(self, documents: Sequence[IndexedDocument]) -> None:
        """Add or replace; one commit for all."""
        if documents:
            await self._run(lambda: self._write(documents))

    async def delete_submission(self, contact_id: str) -> int:
        """Remove all documents of a submission; returns how many went."""
        return await self._run(lambda: self._delete(contact_id))

    async def search(self, query: Query) -> Results:
        """Answer a question."""
        if query.offset + query.limit > DEEPEST:
            raise InvalidQuery(f"Only the first {DEEPEST} hits can be reached.")
        return await asyncio.to_thread(self._guarded, lambda: self._search(query))

    async def occurrences(self, document_ids: Sequence[str]) -> dict[str, int]:
        """How many entries each id has."""
        return await asyncio.to_thread(self._guarded, lambda: self._occurrences(document_ids))

    async def ids(self) -> AsyncIterator[list[str]]:
        """Every document id, read from the dictionary of terms by their first digits."""
        digits = max(1, len(f"{await self.count() // IDS_AT_ONCE:x}"))
        for number in range(16**digits):
            found = await asyncio.to_thread(self._guarded, partial(self._terms, f"{number:0{digits}x}"))
            if found:
                yield found

    async def count(self) -> int:
        """How many documents there are."""
        return await asyncio.to_thread(self._guarded, lambda: int(self._searcher().num_docs))

    async def ready(self) -> None:
        """Raise Unavailable unless the folder can be read."""
        await self.count()

    async def close(self) -> None:
        """Give back the write lock."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            await asyncio.get_running_loop().run_in_executor(self._thread, writer.wait_merging_threads)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._guarded, work)

    def _guarded(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except (OSError, ValueError) as error:
            raise Unavailable(f"the index in {self._path}: {type(error).__name__}") from error

    def _write(self, documents: Sequence[IndexedDocument]) -> None:
        writer = self._write_lock()
        for document in documents:
            writer.delete_documents_by_query(TQuery.term_query(self._schema, "document_id", document.document_id))
            writer.add_document(tantivy.Document.from_dict(_fields(document), self._schema))
        writer.commit()
        self._opened.index.reload()

    def _delete(self, contact_id: str) -> int:
        writer = self._write_lock()
        before = int(self._searcher().num_docs)
        writer.delete_documents_by_query(TQuery.term_query(self._schema, "contact_id", contact_id))
        writer.commit()
        self._opened.index.reload()
        return before - int(self._opened.index.searcher().num_docs)

    def _occurrences(self, document_ids: Sequence[str]) -> dict[str, int]:
        searcher = self._searcher()
        queries = ((one, TQuery.term_query(self._schema, "document_id", one)) for one in document_ids)
        return {one: int(searcher.search(query, limit=1, count=True).count) for one, query in queries}

    def _terms(self, prefix: str) -> list[str]:
        return [term for term, _ in self._searcher().terms_with_prefix("document_id", prefix)]

    def _write_lock(self) -> Any:
        if self._writer is None:
            raise Unavailable("this process has not opened the index for writing")
        return self._writer

    def _open(self, generation: str) -> Opened:
        path = self._folder.path(generation)
        path.mkdir(exist_ok=True)
        opened = Opened(generation, path, tantivy.Index(self._schema, path=str(path), reuse=True))
        analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        opened.index.register_tokenizer(TOKENS, analyzer)
        return opened

    def _searcher(self) -> Any:
        """A searcher that sees every commit, of other processes too: the index file's change tells of one."""
        opened = self._opened
        if self._follows and (live := self._folder.live()) != opened.generation:
            opened = self._opened = self._open(live)
        changed = (opened.path / META).stat()
        seen = (changed.st_mtime_ns, changed.st_ino)
        if seen != opened.seen:
            opened.index.reload()
            opened.seen = seen
        return opened.index.searcher()

    def _search(self, query: Query) -> Results:
        searcher, words = self._searcher(), parse(query.words)
        asked = self._query(words, query.filters)
        order: dict[str, Any] = {}
        if query.sort != "relevance":
            name, _, direction = query.sort.partition(":")
            order = {"order_by_field": name, "order": tantivy.Order.Asc if direction == "asc" else tantivy.Order.Desc}
        found = searcher.search(asked, limit=max(1, query.limit), offset=query.offset, count=True, **order)
        hits = found.hits if query.limit else []
        searched = words.searched()
        return Results(
            tuple(_hit(searcher.doc(address), score, searched, by_score=not order) for score, address in hits),
            int(found.count),
            _facets(searcher, asked, query.facets),
        )

    def _query(self, words: Words, filters: Filters) -> Any:
        clauses = [(Occur.Must, self._word(word)) for word in words.words]
        clauses += [(Occur.Must, self._phrase(phrase)) for phrase in words.phrases]
        clauses += [(Occur.MustNot, self._phrase(phrase)) for phrase in words.excluded]
        if not words.units:
            clauses.append((Occur.Must, TQuery.all_query()))
        clauses += [(Occur.Must, TQuery.const_score_query(part, 0.0)) for part in self._filters(filters)]
        return TQuery.boolean_query(clauses)

    def _word(self, word: Word) -> Any:
        options = []
        for name, boost in SEARCHED:
            exact = TQuery.term_query(self._schema, name, word.text)
            options.append(TQuery.boost_query(exact, boost * EXACT_BOOST))
            if word.typos or word.prefix:
                near = TQuery.fuzzy_term_query(self._schema, name, word.text, word.typos, True, word.prefix)
                options.append(TQuery.boost_query(near, boost))
        return TQuery.disjunction_max_query(options, 0.1)

    def _phrase(self, phrase: tuple[str, ...]) -> Any:
        if len(phrase) == 1:
            options = [TQuery.term_query(self._schema, name, phrase[0]) for name, _ in SEARCHED]
        else:
            options = [TQuery.phrase_query(self._schema, name, list(phrase)) for name, _ in SEARCHED]
        return TQuery.disjunction_max_query(options, 0.1)

    def _filters(self, filters: Filters) -> list[Any]:
        parts = []
        for name in ("contact_id", "document_type", "tags", "language", "status"):
            values = getattr(filters, name)
            if values:
                parts.append(TQuery.term_set_query(self._schema, name, list(values)))
        if filters.created_after or filters.created_before:
            parts.append(
                TQuery.range_query(
                    self._schema,
                    "created_at",
                    tantivy.FieldType.Integer,
                    int(filters.created_after.timestamp()) if filters.created_after else None,
                    int(filters.created_before.timestamp()) - 1 if filters.created_before else None,
                )
            )
        return parts


def _fields(document: IndexedDocument) -> dict[str, Any]:
    """The document as tantivy has it: searched fields folded by us, the texts themselves kept aside for highlights."""
    source = {"filename": document.filename, "title": document.title, "text": document.text}
    return {
        "document_id": document.document_id,
        "contact_id": document.contact_id,
        "document_type": document.document_type,
        "tags": list(document.tags),
        "language": document.language,
        "status": document.status,
        "filename": " ".join(tokenize(document.filename)),
        "title": " ".join(tokenize(document.title)),
        "text": " ".join(tokenize(document.text)),
        "contact_name": " ".join(tokenize(document.contact_name)),
        "source": json.dumps(source),
        "created_at": int(document.created_at.timestamp()),
        "size": document.size,
    }


def _hit(stored: Any, score: float, words: Sequence[Word], *, by_score: bool) -> Hit:
    source = json.loads(stored.get_first("source"))
    marked = [highlight(source[name], words) for name in ("title", "filename", "text")] if words else []
    fragments = [fragment for fragment in dict.fromkeys(marked) if fragment]
    return Hit(
        document_id=stored.get_first("document_id"),
        contact_id=stored.get_first("contact_id"),
        filename=source["filename"],
        title=source["title"],
        document_type=stored.get_first("document_type"),
        tags=tuple(stored.get_all("tags")),
        language=stored.get_first("language") or "",
        status=stored.get_first("status") or "",
        created_at=datetime.fromtimestamp(stored.get_first("created_at"), UTC),
        size=stored.get_first("size"),
        score=round(score / (score + 10.0), 4) if by_score and score > 0 else 0.0,
        highlights=tuple(fragments) or ((opening(source["text"]),) if source["text"] else ()),
    )


def _facets(searcher: Any, asked: Any, names: Sequence[str]) -> dict[str, dict[str, int]]:
    facets = {}
    for name in names:
        wanted = {name: {"terms": {"field": name, "size": FACET_VALUES}}}
        buckets = searcher.aggregate(asked, wanted)[name]["buckets"]
        facets[name] = {str(bucket["key"]): int(bucket["doc_count"]) for bucket in buckets if bucket["key"]}
    return facets
