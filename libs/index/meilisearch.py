"""Meilisearch, through meilisearch-python-sdk.

Where it cannot be the same as the embedded index: a typo in the first letter counts as two; a mark covers only the
part of a word that was typed; hits do not carry their status (the record has it).
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx2
from meilisearch_python_sdk import AsyncClient
from meilisearch_python_sdk.errors import MeilisearchApiError, MeilisearchError
from meilisearch_python_sdk.models.settings import (
    Faceting,
    MeilisearchSettings,
    MinWordSizeForTypos,
    Pagination,
    TypoTolerance,
)
from meilisearch_python_sdk.models.task import TaskResult

from libs.index.protocol import (
    DEEPEST,
    MARK_BEGIN,
    MARK_END,
    Filters,
    Hit,
    IndexedDocument,
    InvalidQuery,
    Query,
    RefusedDocuments,
    Results,
    Unavailable,
    clean,
)
from libs.index.words import ONE_TYPO_FROM, TWO_TYPOS_FROM, parse

INDEX = "documents"
ABSENT = "index_not_found"
TASK_MILLISECONDS = 60_000
REQUEST_SECONDS = 10
CROP_WORDS = 12
IDS_AT_ONCE = 1000
MARKED = ["text", "filename", "title"]
SHOWN = [
    "document_id",
    "contact_id",
    "filename",
    "title",
    "text",
    "document_type",
    "tags",
    "language",
    "created_at",
    "size",
]

SETTINGS = MeilisearchSettings(
    searchable_attributes=["filename", "title", "text", "contact_name"],
    filterable_attributes=["document_type", "contact_id", "tags", "language", "status", "created_at"],
    sortable_attributes=["created_at", "size"],
    displayed_attributes=SHOWN,
    typo_tolerance=TypoTolerance(
        min_word_size_for_typos=MinWordSizeForTypos(one_typo=ONE_TYPO_FROM, two_typos=TWO_TYPOS_FROM),
        disable_on_numbers=True,
    ),
    faceting=Faceting(max_values_per_facet=100),
    pagination=Pagination(max_total_hits=DEEPEST),
    ranking_rules=["words", "typo", "proximity", "attribute", "sort", "exactness"],
)


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
            self._succeeded(await self._finished(info.task_uid))

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
            self._succeeded(await self._finished(info.task_uid))

    async def write(self, documents: Sequence[IndexedDocument]) -> None:
        """Add or replace; one task for all."""
        if not documents:
            return
        async with _errors():
            info = await self._index.add_documents([_fields(document) for document in documents])
            self._succeeded(await self._finished(info.task_uid))

    async def delete_submission(self, contact_id: str) -> int:
        """Remove all documents of a submission; returns how many went."""
        async with _errors():
            info = await self._index.delete_documents_by_filter(f"contact_id = {_quoted(contact_id)}")
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
        several = parse(query.words).units > 1
        async with _errors():
            found = await self._index.search(
                query.words,
                offset=query.offset,
                limit=query.limit,
                filter=_filter(query.filters),
                facets=list(query.facets) or None,
                sort=None if query.sort == "relevance" else [query.sort],
                matching_strategy="all" if several else "last",
                attributes_to_highlight=MARKED,
                attributes_to_crop=["text"],
                crop_length=CROP_WORDS,
                crop_marker="…",
                highlight_pre_tag=MARK_BEGIN,
                highlight_post_tag=MARK_END,
                show_ranking_score=True,
            )
        facets = (
            {name: dict(found.facet_distribution.get(name, {})) for name in query.facets}
            if query.facets and found.facet_distribution
            else {}
        )
        return Results(tuple(_hit(hit) for hit in found.hits), int(found.estimated_total_hits or 0), facets)

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

    async def _finished(self, task: int) -> TaskResult:
        return await self._client.wait_for_task(task, timeout_in_ms=TASK_MILLISECONDS)

    def _succeeded(self, task: TaskResult) -> TaskResult:
        if task.status != "succeeded":
            raise RefusedDocuments(str((task.error or {}).get("code", "unknown")))
        return task


@asynccontextmanager
async def _errors() -> AsyncIterator[None]:
    """The SDK's errors as ours: a refused filter is the caller's fault, everything else means that it is away."""
    try:
        yield
    except MeilisearchApiError as error:
        if error.code and error.code.startswith("invalid_search"):
            raise InvalidQuery("The search cannot be asked like that.") from error
        raise Unavailable(f"Meilisearch: {error.code}") from error
    except (TimeoutError, MeilisearchError, httpx2.HTTPError) as error:
        raise Unavailable(f"Meilisearch: {type(error).__name__}") from error


def _fields(document: IndexedDocument) -> dict[str, Any]:
    fields = {
        "document_id": document.document_id,
        "contact_id": document.contact_id,
        "filename": clean(document.filename),
        "title": clean(document.title),
        "text": clean(document.text),
        "document_type": document.document_type,
        "tags": list(document.tags),
        "language": document.language,
        "created_at": int(document.created_at.timestamp()),
        "size": document.size,
        "status": document.status,
    }
    return fields | ({"contact_name": clean(document.contact_name)} if document.contact_name else {})


def _filter(filters: Filters) -> str | None:
    clauses = []
    for name in ("contact_id", "document_type", "tags", "language", "status"):
        values = getattr(filters, name)
        if len(values) == 1:
            clauses.append(f"{name} = {_quoted(values[0])}")
        elif values:
            clauses.append(f"{name} IN [{','.join(_quoted(value) for value in values)}]")
    if filters.created_after:
        clauses.append(f"created_at >= {int(filters.created_after.timestamp())}")
    if filters.created_before:
        clauses.append(f"created_at < {int(filters.created_before.timestamp())}")
    return " AND ".join(clauses) or None


def _quoted(value: str) -> str:
    """A value as Meilisearch's filter language writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _hit(hit: dict[str, Any]) -> Hit:
    marked = hit.get("_formatted", {})
    fragments = [marked.get(name) or "" for name in ("title", "filename", "text")]
    highlights = [fragment for fragment in dict.fromkeys(fragments) if MARK_BEGIN in fragment]
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
        highlights=tuple(highlights) or tuple(fragment for fragment in fragments[2:] if fragment),
    )
