"""Documents, questions and filters in the form that Meilisearch takes them, and the settings they need."""

from typing import Any

from meilisearch_python_sdk.models.settings import (
    Faceting,
    MeilisearchSettings,
    MinWordSizeForTypos,
    Pagination,
    TypoTolerance,
)

from libs.index.folding import fold, respellings, respelt, tokenize, unbroken
from libs.index.parts import endings
from libs.index.protocol import DEEPEST, Filters, IndexedDocument, clean
from libs.index.words import ONE_TYPO_FROM, TWO_TYPOS_FROM, pieces

ALSO = "also"
"""What a document is found by beside its texts."""
VALUES = ("contact_id", "document_type", "tags", "language", "status")
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
    "page_ends",
]

SETTINGS = MeilisearchSettings(
    searchable_attributes=["filename", "title", "text", "contact_name", ALSO],
    filterable_attributes=["document_type", "contact_id", "tags", "language", "status", "created_at", "document_id"],
    sortable_attributes=["created_at", "size"],
    displayed_attributes=SHOWN,
    typo_tolerance=TypoTolerance(
        min_word_size_for_typos=MinWordSizeForTypos(one_typo=ONE_TYPO_FROM, two_typos=TWO_TYPOS_FROM),
        disable_on_numbers=True,
        disable_on_attributes=[ALSO],
    ),
    faceting=Faceting(max_values_per_facet=100),
    pagination=Pagination(max_total_hits=DEEPEST),
    ranking_rules=["sort", "words", "typo", "proximity", "attribute", "exactness", "document_id:asc"],
)


def fields(document: IndexedDocument) -> dict[str, Any]:
    """A document as it is written; what is empty and may be missing is left out."""
    always = {
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
    texts = (document.filename, document.title, document.text)
    also = sorted(endings(*map(fold, texts)) | respellings(*texts, document.contact_name))
    more = {
        "contact_name": clean(document.contact_name),
        "page_ends": list(document.page_ends),
        ALSO: " ".join(also),
    }
    return always | {name: value for name, value in more.items() if value}


def question_of(words: str) -> str:
    """A question with the letters that Meilisearch does not fold exchanged, and runs of unbroken scripts as phrases."""
    if words.isascii():
        return words
    asked = [respelt(piece) for piece in pieces(words)]
    return " ".join(f'"{one}"' if one[0] not in '-"' and all(map(unbroken, tokenize(one))) else one for one in asked)


def clauses_of(filters: Filters) -> dict[str, str]:
    """The filters as Meilisearch writes them, by field."""
    clauses = {}
    for name in VALUES:
        values = getattr(filters, name)
        if len(values) == 1:
            clauses[name] = f"{name} = {quoted(values[0])}"
        elif values:
            clauses[name] = f"{name} IN [{','.join(quoted(value) for value in values)}]"
    if filters.created_after:
        clauses["created_after"] = f"created_at >= {int(filters.created_after.timestamp())}"
    if filters.created_before:
        clauses["created_before"] = f"created_at < {int(filters.created_before.timestamp())}"
    return clauses


def filter_of(clauses: dict[str, str]) -> str | None:
    """One filter that all of `clauses` must hold for."""
    return " AND ".join(clauses.values()) or None


def quoted(value: str) -> str:
    """A value as Meilisearch's filter language writes it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
