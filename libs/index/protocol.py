"""What a search index promises, whichever it is; `tests/contract/test_index.py` holds every implementation to it.

- Several words must all be found. Words match without accents and case; a word of 4 letters or more also with one
  typo, of 8 or more with two; a word with a digit as it is or, from 3 characters, as a part of a longer number or id.
  The last word also matches as a beginning.
- `"several words"` match as a phrase, and so does what is written in a script without spaces; `-word` excludes.
- Filters of different fields must all hold; of the values of one field, any. Facets count under words and filters,
  each without the filter on its own field: what one would get by choosing another value.
- What is equal in the order asked for is ordered by its id, so pages of any depth neither repeat nor lose a hit for as
  long as nothing is written.
- A write replaces documents with the same id and is visible to searches when it returns.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

MARK_BEGIN, MARK_END = "\x02", "\x03"
"""Around each matched word in a highlight; they survive HTML escaping, which comes first."""

FACETS = ("document_type", "tags", "language", "status")
SORTS = ("relevance", "created_at:desc", "created_at:asc", "size:desc", "size:asc")
DEEPEST = 10_000_000
"""Hits that paging can reach: more than one index is made for."""
MOST_SUGGESTIONS = 3


class Unavailable(Exception):
    """The index cannot answer now; the same call may succeed later."""


class WrittenElsewhere(Unavailable):
    """Another process holds the write lock; it is free as soon as that one ends."""


class InvalidQuery(Exception):
    """The caller's fault, in words for people."""


class RefusedDocuments(Exception):
    """The engine will never take these documents as they are; the text is its own code for why."""


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document as the index takes it."""

    document_id: str
    contact_id: str
    """The submission's id."""
    filename: str
    title: str
    text: str
    contact_name: str
    document_type: str
    tags: tuple[str, ...]
    language: str
    status: str
    created_at: datetime
    size: int
    page_ends: tuple[int, ...] = ()
    """Where in `text` each page ends; empty for what has no pages."""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which documents count at all; an empty tuple allows all values."""

    contact_id: tuple[str, ...] = ()
    document_type: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    language: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    created_after: datetime | None = None
    """Inclusive."""
    created_before: datetime | None = None
    """Exclusive."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question. With the sort `relevance` and no words, the order is that of the ids."""

    words: str = ""
    filters: Filters = field(default_factory=Filters)
    facets: tuple[str, ...] = ()
    sort: str = "relevance"
    limit: int = 20
    offset: int = 0
    like: str = ""
    """The id of a document whose likes are looked for, instead of words; it is no hit itself."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A document that was found."""

    document_id: str
    contact_id: str
    filename: str
    title: str
    document_type: str
    tags: tuple[str, ...]
    language: str
    status: str
    """Empty where the index does not give it back; the record has it."""
    created_at: datetime
    size: int
    score: float
    """0 to 1; comparable within one answer only."""
    highlights: tuple[str, ...]
    """Fragments of text, file name or title, with marks around the words that matched."""
    page: int | None = None
    """The page, from 1, of the fragment of the text; None without one and where there are no pages."""


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to a question."""

    hits: tuple[Hit, ...]
    total: int
    facets: dict[str, dict[str, int]]


class SearchIndex(Protocol):
    """An index. Every method raises Unavailable when the engine is away."""

    async def write(self, documents: Sequence[IndexedDocument]) -> None:
        """Add or replace; searches see it when this returns. Raises RefusedDocuments for what is never taken."""

    async def delete_submission(self, contact_id: str) -> int:
        """Remove all documents of a submission; returns how many went."""

    async def delete_document(self, document_id: str) -> None:
        """Remove one document; one that is not there is no error. Searches see it when this returns."""

    async def search(self, query: Query) -> Results:
        """Answer a question. Raises InvalidQuery when it cannot be asked."""

    async def suggest(self, query: Query) -> tuple[str, ...]:
        """Up to MOST_SUGGESTIONS other questions, each of which finds something under the same filters."""

    async def occurrences(self, document_ids: Sequence[str]) -> dict[str, int]:
        """How many entries each of up to 1,000 ids has: 0 is missing, 2 a duplicate."""

    def ids(self) -> AsyncIterator[list[str]]:
        """Every document id, in batches; may name some that were removed a moment ago (`occurrences` tells)."""

    async def count(self) -> int:
        """How many documents there are."""

    async def ready(self) -> None:
        """Raise Unavailable unless the index answers."""

    async def close(self) -> None:
        """Give back what the index holds."""


def clean(text: str) -> str:
    """`text` without the characters that marks are made of."""
    return text.replace(MARK_BEGIN, " ").replace(MARK_END, " ")
