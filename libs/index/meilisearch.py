"""Meilisearch, through meilisearch-python-sdk.

What Meilisearch does not know of is written beside the text: the endings of numbers and ids, and words with the letters
that it does not fold. Highlights and pages are ours. Where it cannot be the same as the embedded index is listed in
docs/search.md.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import httpx2
from meilisearch_python_sdk import AsyncClient
from meilisearch_python_sdk.errors import MeilisearchApiError, MeilisearchError
from meilisearch_python_sdk.models.search import SearchParams, SearchResultsWithUID
from meilisearch_python_sdk.models.task import TaskResult

from libs.index.folding import tokenize
from libs.index.hits import fragments
from libs.index.meilisearch_form import MARKED, SETTINGS, clauses_of, fields, filter_of, question_of, quoted
from libs.index.protocol import (
    DEEPEST,
    MARK_BEGIN,
    MARK_END,
    Hit,
    IndexedDocument,
    InvalidQuery,
    Query,
    RefusedDocuments,
    Results,
    Unavailable,
)
from libs.index.similar import MARKED_TERMS, candidates, telling
from libs.index.suggest import closest, suggestions
from libs.index.words import Word, parse

INDEX = "documents"
ABSENT = "index_not_found"
SYSTEM = "system"
"""Meilisearch's type of error for what its machine has not got: space on the disk or in the queue, open files."""
ENGINES_OWN = {
    ABSENT,
    "database_size_limit_reached",
    "index_creation_failed",
    "invalid_state",
    "invalid_store_file",
    "task_file_not_found",
}
"""Codes of other types that no document can be blamed for. `internal` is not one: a document may have caused it."""
TOO_LARGE = "payload_too_large"
DOCUMENTS_FAULT = {TOO_LARGE, "malformed_payload", "missing_document_id", "max_fields_limit_exceeded"}
"""Codes with which documents are refused at once; others are told by the task."""
ENDED = ("succeeded", "failed", "canceled")
TASK_SECONDS = 60
FIRST_LOOK_SECONDS, LAST_LOOK_SECONDS = 0.05, 0.5
"""Pauses between looks at a task; most of them take about a second."""
REQUEST_SECONDS = 10
CROP_WORDS = 12
IDS_AT_ONCE = 1000
LIKE_CANDIDATES, LIKE_TERMS = 40, 8
"""Words of a document whose frequency is asked for, and that are then searched for; Meilisearch reads ten."""
LOOKED_AT = 50
"""Documents in which words like a misspelt one are looked for."""
BEGINNING = 3
"""Letters that a misspelling leaves as they are, where words like it are looked for."""
_MARKED_WORD = re.compile(rf"{MARK_BEGIN}([^{MARK_END}]*{MARK_END}\w*)")
Strategy = Literal["all", "last", "frequency"]


class MeilisearchIndex:
    """The index `uid` of the Meilisearch at `url`, used with `key`."""

    def __init__(self, url: str, key: str | None, uid: str = INDEX) -> None:
        self._client = AsyncClient(url, key, timeout=REQUEST_SECONDS)
        self._index = self._client.index(uid)
        self._uid = uid

    async def prepare(self) -> None:
        """Create the index and set what it needs; doing it again changes nothing."""
        async with _errors():
            # The SDK's create_index wants to read the index back, which a key for writing need not be allowed to.
            answer = await self._client.http_client.post(
                "indexes", json={"uid": self._uid, "primaryKey": "document_id"}, timeout=REQUEST_SECONDS
            )
            answer.raise_for_status()
            created = await self._finished(answer.json()["taskUid"])
            if created.status != "succeeded" and (created.error or {}).get("code") != "index_already_exists":
                raise Unavailable(f"the index cannot be created: {created.error}")
            info = await self._index.update_settings(SETTINGS)
            self._administered(await self._finished(info.task_uid))

    async def exists(self) -> bool:
        """Whether there is such an index."""
        async with _errors():
            return await self._client.get_raw_index(self._uid) is not None

    async def drop(self) -> None:
        """Remove the index, if it is there."""
        async with _errors():
            answer = await self._client.http_client.delete(f"indexes/{self._uid}", timeout=REQUEST_SECONDS)
            answer.raise_for_status()
            task = await self._finished(answer.json()["taskUid"])
            if task.status != "succeeded" and (task.error or {}).get("code") != ABSENT:
                raise Unavailable(f"the index cannot be removed: {task.error}")

    async def swap(self, other: str) -> None:
        """Exchange what is in this index and in `other`, settings included, in one step."""
        async with _errors():
            info = await self._client.swap_indexes([(self._uid, other)])
            self._administered(await self._finished(info.task_uid))

    async def write(self, documents: Sequence[IndexedDocument]) -> None:
        """Add or replace; one task for all, or for the halves of what is too large for one request."""
        if not documents:
            return
        try:
            async with _errors():
                info = await self._index.add_documents([fields(document) for document in documents])
                self._succeeded(await self._finished(info.task_uid))
        except RefusedDocuments as refused:
            if str(refused) != TOO_LARGE or len(documents) == 1:
                raise
            middle = len(documents) // 2
            await self.write(documents[:middle])
            await self.write(documents[middle:])

    async def delete_submission(self, contact_id: str) -> int:
        """Remove all documents of a submission; returns how many went."""
        async with _errors():
            info = await self._index.delete_documents_by_filter(f"contact_id = {quoted(contact_id)}")
            task = await self._finished(info.task_uid)
            if (task.error or {}).get("code") == ABSENT:
                return 0
            self._succeeded(task)
        return int((task.details or {}).get("deletedDocuments", 0))

    async def delete_document(self, document_id: str) -> None:
        """Remove one document."""
        async with _errors():
            info = await self._index.delete_document(document_id)
            task = await self._finished(info.task_uid)
            if (task.error or {}).get("code") != ABSENT:
                self._succeeded(task)

    async def search(self, query: Query) -> Results:
        """Answer a question."""
        if query.offset + query.limit > DEEPEST:
            raise InvalidQuery(f"Only the first {DEEPEST} hits can be reached.")
        if query.like:
            return await self._like(query)
        words = parse(query.words)
        strategy: Strategy = "all" if words.units > 1 else "last"
        return await self._ask(query, question_of(query.words), strategy, words.searched(), clauses_of(query.filters))

    async def suggest(self, query: Query) -> tuple[str, ...]:
        """Other questions that find something under the same filters."""

        async def total(words: str) -> int:
            return (await self.search(Query(words, filters=query.filters, limit=0))).total

        return await suggestions(query.words, total, self._nearest)

    async def occurrences(self, document_ids: Sequence[str]) -> dict[str, int]:
        """How many entries each id has; a primary key cannot repeat."""
        if not document_ids:
            return {}
        async with _errors():
            found = await self._index.get_documents(
                ids=list(document_ids), limit=len(document_ids), fields=["document_id"]
            )
        known = {str(document["document_id"]) for document in found.results}
        return {one: int(one in known) for one in document_ids}

    async def ids(self) -> AsyncIterator[list[str]]:
        """Every document id, page by page."""
        offset = 0
        while True:
            async with _errors():
                found = await self._index.get_documents(offset=offset, limit=IDS_AT_ONCE, fields=["document_id"])
            if not found.results:
                return
            yield [str(document["document_id"]) for document in found.results]
            offset += IDS_AT_ONCE

    async def count(self) -> int:
        """How many documents there are."""
        async with _errors():
            return int((await self._index.get_stats()).number_of_documents)

    async def ready(self) -> None:
        """Raise Unavailable unless Meilisearch answers."""
        async with _errors():
            await self._client.health()

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _ask(
        self, query: Query, question: str, strategy: Strategy, marked: Sequence[Word], clauses: dict[str, str]
    ) -> Results:
        narrowed = [name for name in query.facets if name in clauses]
        rest = [name for name in query.facets if name not in clauses]
        async with _errors():
            found = await self._index.search(
                question,
                offset=query.offset,
                limit=query.limit,
                filter=filter_of(clauses),
                facets=rest or None,
                sort=None if query.sort == "relevance" else [query.sort],
                matching_strategy=strategy,
                attributes_to_highlight=MARKED,
                attributes_to_crop=["text"],
                crop_length=CROP_WORDS,
                crop_marker="…",
                highlight_pre_tag=MARK_BEGIN,
                highlight_post_tag=MARK_END,
                show_ranking_score=True,
            )
            others = await self._facets(narrowed, question, strategy, clauses)
        counted = {name: dict((found.facet_distribution or {}).get(name, {})) for name in rest} | others
        facets = {name: counted[name] for name in query.facets}
        return Results(tuple(_hit(hit, marked) for hit in found.hits), int(found.estimated_total_hits or 0), facets)

    async def _facets(
        self, names: Sequence[str], question: str, strategy: Strategy, clauses: dict[str, str]
    ) -> dict[str, dict[str, int]]:
        """The counts of the fields in `names`, each without its own filter."""
        asked = [
            SearchParams(
                index_uid=self._uid, query=question, limit=0, facets=[name], matching_strategy=strategy,
                filter=filter_of({field: clause for field, clause in clauses.items() if field != name}),
            )
            for name in names
        ]  # fmt: skip
        found = await self._several(asked)
        return {
            name: dict((one.facet_distribution or {}).get(name, {})) for name, one in zip(names, found, strict=True)
        }

    async def _several(self, asked: list[SearchParams]) -> list[SearchResultsWithUID[Any]]:
        if not asked:
            return []
        found = await self._client.multi_search(asked)
        return found if isinstance(found, list) else []

    async def _like(self, query: Query) -> Results:
        """What has the most telling words of a document, the most telling one in any case."""
        async with _errors():
            known = await self._index.get_documents(ids=[query.like], limit=1, fields=["title", "text"])
            if not known.results:
                return Results((), 0, {name: {} for name in query.facets})
            counted = candidates(known.results[0]["title"], known.results[0]["text"])
            words = list(counted)[:LIKE_CANDIDATES]
            asked = [SearchParams(index_uid=self._uid, query=f'"{word}"', limit=0) for word in words]
            found = await self._several(asked)
            documents = int((await self._index.get_stats()).number_of_documents)
        frequency = {word: int(one.estimated_total_hits or 0) for word, one in zip(words, found, strict=True)}
        terms = [word for word, _ in telling({word: counted[word] for word in words}, frequency, documents)]
        if not terms:
            return Results((), 0, {name: {} for name in query.facets})
        clauses = {**clauses_of(query.filters), "document_id": f"document_id != {quoted(query.like)}"}
        marked = tuple(Word(term, 0, prefix=False) for term in terms[:MARKED_TERMS])
        return await self._ask(query, " ".join(terms[:LIKE_TERMS]), "last", marked, clauses)

    async def _nearest(self, word: str) -> list[str]:
        """Words that begin like `word` in documents that have such; Meilisearch does not show its dictionary."""
        folded = "".join(tokenize(word))
        async with _errors():
            found = await self._index.search(
                folded[:BEGINNING], limit=LOOKED_AT, attributes_to_retrieve=["document_id"],
                attributes_to_highlight=MARKED, attributes_to_crop=["text"], crop_length=CROP_WORDS,
                highlight_pre_tag=MARK_BEGIN, highlight_post_tag=MARK_END,
            )  # fmt: skip
        shown = [str(hit.get("_formatted", {}).get(name) or "") for hit in found.hits for name in MARKED]
        seen = Counter(token for text in shown for one in _MARKED_WORD.findall(text) for token in tokenize(one))
        return closest(folded, seen.items())

    async def _finished(self, task: int) -> TaskResult:
        """A task's end. The SDK's own waiting does not know that a task can be canceled."""
        pause = FIRST_LOOK_SECONDS
        async with asyncio.timeout(TASK_SECONDS):
            while (found := await self._client.get_task(task)).status not in ENDED:
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, LAST_LOOK_SECONDS)
            return found

    def _succeeded(self, task: TaskResult) -> None:
        """Raise for a task that failed: Unavailable unless the fault is the documents' own.

        What was canceled has no error; somebody has to ask for it again.
        """
        if task.status == "succeeded":
            return
        error = task.error or {"type": SYSTEM, "code": task.status}
        if error.get("type") == SYSTEM or error.get("code") in ENGINES_OWN:
            raise Unavailable(f"Meilisearch: {error.get('code')}")
        raise RefusedDocuments(str(error.get("code")))

    def _administered(self, task: TaskResult) -> None:
        if task.status != "succeeded":
            raise Unavailable(f"Meilisearch: {(task.error or {}).get('code', task.status)}")


@asynccontextmanager
async def _errors() -> AsyncIterator[None]:
    """The SDK's errors as ours.

    A refused filter or document is the caller's fault; everything else means that it is away: a full queue of tasks or
    a full disk (`no_space_left_on_device`), too many searches at once, a key that is not known yet.
    """
    try:
        yield
    except MeilisearchApiError as error:
        if error.code.startswith("invalid_search"):
            raise InvalidQuery("The search cannot be asked like that.") from error
        if error.code in DOCUMENTS_FAULT or error.code.startswith("invalid_document"):
            raise RefusedDocuments(error.code) from error
        raise Unavailable(f"Meilisearch: {error.code}") from error
    except (TimeoutError, MeilisearchError, httpx2.HTTPError) as error:
        raise Unavailable(f"Meilisearch: {type(error).__name__}") from error


def _hit(hit: dict[str, Any], words: Sequence[Word]) -> Hit:
    shown, page = fragments(hit["title"], hit["filename"], hit["text"], hit.get("page_ends") or (), words)
    if words and not any(MARK_BEGIN in one for one in shown):  # it matched what we do not: show what it marked
        formatted = hit.get("_formatted", {})
        theirs = [str(formatted.get(name) or "") for name in MARKED]
        shown = tuple(dict.fromkeys(one for one in theirs if MARK_BEGIN in one)) or shown
    return Hit(
        document_id=hit["document_id"],
        contact_id=hit["contact_id"],
        filename=hit["filename"],
        title=hit["title"],
        document_type=hit["document_type"],
        tags=tuple(hit["tags"]),
        language=hit["language"],
        status=hit.get("status", ""),
        created_at=datetime.fromtimestamp(hit["created_at"], UTC),
        size=hit["size"],
        score=round(float(hit.get("_rankingScore") or 0.0), 4),
        highlights=shown,
        page=page,
    )
