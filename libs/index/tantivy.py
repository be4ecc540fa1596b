"""The embedded index: tantivy, in a folder that one process writes and others read.

Queries are built term by term (`tantivy_query.py`); what a user types never reaches tantivy's query parser. A word may
differ in its first letter, too; marks cover whole words.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import tantivy

from libs.index import paging
from libs.index.folder import META, Folder
from libs.index.hits import fragments
from libs.index.protocol import (
    DEEPEST,
    Hit,
    IndexedDocument,
    InvalidQuery,
    Query,
    Results,
    Unavailable,
    WrittenElsewhere,
)
from libs.index.similar import MARKED_TERMS, candidates, telling
from libs.index.suggest import closest, splits, suggestions
from libs.index.tantivy_query import Questions
from libs.index.tantivy_schema import (
    EVERYTHING,
    NEEDED,
    TIE,
    TOKENS,
    created_at,
    current,
    fields,
    known_fields,
    order_field,
    schema,
)
from libs.index.words import Word, parse

log = logging.getLogger(__name__)

WRITER_BYTES = 24 << 20
FACET_VALUES = 100
IDS_AT_ONCE = 1000
"""About how many ids are listed at once."""
LIKE_CANDIDATES = 300
"""Words of a document whose frequency in the index is looked up."""

T = TypeVar("T")
TQuery = tantivy.Query


@dataclass(slots=True)
class Opened:
    """A generation as it is open now."""

    generation: str
    path: Path
    index: Any
    questions: Questions
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
        return await self._run(lambda: self._delete("contact_id", contact_id))

    async def delete_document(self, document_id: str) -> None:
        """Remove one document."""
        await self._run(lambda: self._delete("document_id", document_id))

    async def search(self, query: Query) -> Results:
        """Answer a question."""
        if query.offset + query.limit > DEEPEST:
            raise InvalidQuery(f"Only the first {DEEPEST} hits can be reached.")
        return await asyncio.to_thread(self._guarded, lambda: self._search(query))

    async def suggest(self, query: Query) -> tuple[str, ...]:
        """Other questions that find something under the same filters."""

        async def total(words: str) -> int:
            asked = Query(words, filters=query.filters)
            return await asyncio.to_thread(self._guarded, lambda: self._total(asked))

        async def nearest(word: str) -> list[str]:
            return await asyncio.to_thread(self._guarded, lambda: self._nearest(word))

        return await suggestions(query.words, total, nearest)

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
        writer, questions = self._write_lock(), self._opened.questions
        last = {document.document_id: document for document in documents}
        older = questions.documents(list(last))
        if self._searcher().search(older, limit=1, count=True).count:
            # Only then: each deletion makes the commit open every segment, which takes as long as writing a batch.
            writer.delete_documents_by_query(older)
        for document in last.values():
            writer.add_document(tantivy.Document.from_dict(fields(document, questions.known), questions.schema))
        writer.commit()  # the next search loads it

    def _delete(self, name: str, value: str) -> int:
        writer = self._write_lock()
        before = int(self._searcher().num_docs)
        writer.delete_documents_by_query(TQuery.term_query(self._opened.questions.schema, name, value))
        writer.commit()
        return before - int(self._searcher().num_docs)

    def _occurrences(self, document_ids: Sequence[str]) -> dict[str, int]:
        searcher = self._searcher()
        queries = ((one, self._opened.questions.document(one)) for one in document_ids)
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
        known = known_fields(path)
        if not known >= NEEDED:
            raise Unavailable(
                f"the index in {path} is of a version that cannot be read: move its folder away, start again, "
                "and run `letterbox reindex`"
            )
        if current(known):
            index = tantivy.Index(schema(), path=str(path), reuse=True)
        else:
            index = tantivy.Index.open(str(path))
            log.warning("the index is of an earlier version: run `letterbox reindex`", extra={"generation": generation})
        analyzer = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        index.register_tokenizer(TOKENS, analyzer)
        return Opened(generation, path, index, Questions(index.schema, known))

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
        searcher, questions = self._searcher(), self._opened.questions
        words = parse(query.words)
        if query.like:
            terms = self._telling(searcher, questions, query.like)
            ask = partial(questions.like, query.like, terms, query.filters)
            searched = tuple(Word(term, 0, prefix=False) for term, _ in terms[:MARKED_TERMS])
        else:
            ask, searched = partial(questions.ask, words, query.filters), words.searched()
        asked = ask()
        found = _Page(searcher, asked, query, questions.known)
        return Results(
            tuple(_hit(stored, key, searched, by_score=query.sort == "relevance") for key, stored in found.hits()),
            found.total,
            _facets(searcher, ask, query),
        )

    def _total(self, query: Query) -> int:
        asked = self._opened.questions.ask(parse(query.words), query.filters)
        return int(self._searcher().search(asked, limit=1, count=True).count)

    def _nearest(self, word: str) -> list[str]:
        """Words of the index that `word` may be a misspelling of; two that it may have been written together from."""
        searcher, words = self._searcher(), parse(word).words
        if len(words) != 1:
            return []
        folded = words[0].text
        near: list[str] = []
        for beginning in (folded[:2], folded[:1]):
            near = near or closest(folded, searcher.terms_with_prefix(EVERYTHING, beginning))
        apart = [f"{one} {other}" for one, other in splits(folded) if _is(searcher, one) and _is(searcher, other)]
        return near + apart[:1]

    def _telling(self, searcher: Any, questions: Questions, document_id: str) -> list[tuple[str, float]]:
        found = searcher.search(questions.document(document_id), limit=1).hits
        if not found:
            return []
        source = json.loads(searcher.doc(found[0][1]).get_first("source"))
        counted = candidates(source["title"], source["text"])
        frequency = {word: searcher.doc_freq(EVERYTHING, word) for word in list(counted)[:LIKE_CANDIDATES]}
        return telling({word: counted[word] for word in frequency}, frequency, int(searcher.num_docs))


class _Page:
    """The hits of one page, in a total order."""

    def __init__(self, searcher: Any, asked: Any, query: Query, known: frozenset[str]) -> None:
        self._searcher, self._asked, self._query = searcher, asked, query
        self._order: dict[str, Any] = {}
        self._total = current(known)
        if query.sort != "relevance":
            name, _, direction = query.sort.partition(":")
            field = order_field(name, direction) if self._total else name
            order = tantivy.Order.Asc if direction == "asc" else tantivy.Order.Desc
            self._order = {"order_by_field": field, "order": order}
        elif self._total:
            self._order = {"weight_by_field": TIE}
        self.total = 0

    def hits(self) -> list[tuple[float, Any]]:
        """What each was ordered by, and the stored document."""
        offset, limit = self._query.offset, self._query.limit
        if not limit:
            self._ask(0, 1)
            return []
        if not self._total:  # an earlier version cannot tell equal ones apart
            return [(key, self._searcher.doc(address)) for key, address in self._ask(offset, limit)]
        return paging.page(self._ask, self._read, offset, limit)

    def _ask(self, offset: int, limit: int) -> Any:
        found = self._searcher.search(self._asked, limit=limit, offset=offset, count=True, **self._order)
        self.total = int(found.count)
        return found.hits

    def _read(self, address: Any) -> tuple[str, Any]:
        stored = self._searcher.doc(address)
        return stored.get_first("document_id"), stored


def _hit(stored: Any, score: float, words: Sequence[Word], *, by_score: bool) -> Hit:
    source = json.loads(stored.get_first("source"))
    shown, page = fragments(source["title"], source["filename"], source["text"], source.get("page_ends", ()), words)
    return Hit(
        document_id=stored.get_first("document_id"),
        contact_id=stored.get_first("contact_id"),
        filename=source["filename"],
        title=source["title"],
        document_type=stored.get_first("document_type"),
        tags=tuple(stored.get_all("tags")),
        language=stored.get_first("language") or "",
        status=stored.get_first("status") or "",
        created_at=created_at(stored),
        size=stored.get_first("size"),
        score=round(score / (score + 10.0), 4) if by_score and score > 0 else 0.0,
        highlights=shown,
        page=page,
    )


def _facets(searcher: Any, ask: Callable[..., Any], query: Query) -> dict[str, dict[str, int]]:
    """The counts of each field asked for, without the filter on that field itself."""
    narrowed = [name for name in query.facets if getattr(query.filters, name)]
    rest = [name for name in query.facets if name not in narrowed]
    counted = _counts(searcher, ask(), rest) if rest else {}
    for name in narrowed:
        counted |= _counts(searcher, ask(but=name), [name])
    return {name: counted[name] for name in query.facets}


def _counts(searcher: Any, asked: Any, names: Sequence[str]) -> dict[str, dict[str, int]]:
    wanted = {name: {"terms": {"field": name, "size": FACET_VALUES}} for name in names}
    found = searcher.aggregate(asked, wanted)
    return {
        name: {str(bucket["key"]): int(bucket["doc_count"]) for bucket in found[name]["buckets"] if bucket["key"]}
        for name in names
    }


def _is(searcher: Any, word: str) -> bool:
    return bool(searcher.doc_freq(EVERYTHING, word))
