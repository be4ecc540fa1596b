"""The answer to a search: the index finds, the record knows best.

While PostgreSQL is away the index answers alone, and the answer says that it is degraded.
"""

import dataclasses
import html
import logging
import re
import time
from dataclasses import dataclass
from datetime import datetime

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from libs.events.errors import Transient
from libs.index.protocol import MARK_BEGIN, MARK_END, Hit, InvalidQuery, Unavailable
from libs.service import audit
from libs.service.http import Problem
from libs.service.tracing import exemplar, span
from services.search.documents import pictures_of
from services.search.parts import Parts
from services.search.query import SearchRequest
from services.search.records import Document

log = logging.getLogger(__name__)

MARKED = re.compile(f"{MARK_BEGIN}([^{MARK_BEGIN}{MARK_END}]*){MARK_END}")
RETRY_AFTER_SECONDS = 5

QUERIES = Counter("search_queries_total", "Searches.", ["outcome"])
SECONDS = Histogram(
    "search_seconds",
    "Time from a valid search to its answer, index and record together.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
STEP_SECONDS = Histogram(
    "search_step_seconds",
    "Time of a search's steps: `index`, and `record` (PostgreSQL).",
    ["step"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
RESULTS = Histogram(
    "search_results", "Documents found by a search; `le=0` found nothing.", buckets=(0, 1, 10, 100, 1000)
)
FOUND_NOTHING = Counter("search_zero_results_total", "Searches that found nothing.")


@dataclass(frozen=True)
class Found:
    """One hit: as the index has it, corrected by the record."""

    document_id: str
    contact_id: str
    filename: str
    document_type: str
    content_type: str | None
    size: int
    status: str
    tags: tuple[str, ...]
    language: str
    created_at: datetime
    score: float
    highlights: tuple[str, ...]
    scan: str = ""
    """What the virus scanner said; the index does not keep it."""
    page: int | None = None
    """The page of the last highlight, where the text has pages."""
    document: Document | None = None


_NAMES = tuple(field.name for field in dataclasses.fields(Found) if field.name not in ("document", "page"))


@dataclass(frozen=True)
class Answer:
    """What a search found. `total` is the index's count; highlights are safe HTML with `<mark>`."""

    hits: tuple[Found, ...]
    total: int
    facets: dict[str, dict[str, int]]
    took_ms: int
    degraded: bool
    suggestions: tuple[str, ...] = ()
    """When nothing was found: other questions that find something under the same filters."""

    def as_json(self) -> dict[str, object]:
        """The body of the answer to `POST /documents/search`."""
        body: dict[str, object] = {
            "hits": [_as_json(hit) for hit in self.hits],
            "total": self.total,
            "facets": self.facets,
            "took_ms": self.took_ms,
        }
        if self.suggestions:
            body["suggestions"] = self.suggestions
        return {**body, "degraded": True} if self.degraded else body


async def answer(request: SearchRequest, parts: Parts, key_id: str) -> Answer:
    """Answer one search, and keep in the audit log that it was asked.

    Raises Problem 503 when the index is away, and 422 for a query that it cannot understand.
    """
    began = time.perf_counter()
    query = request.for_index()
    try:
        with span("search index", SpanKind.CLIENT), STEP_SECONDS.labels("index").time():
            results = await parts.index.search(query)
        suggestions = await parts.index.suggest(query) if query.words and not results.total else ()
    except InvalidQuery as error:
        QUERIES.labels("invalid").inc()
        raise Problem(422, "The search is not valid.", errors=[{"field": "query", "message": str(error)}]) from None
    except Unavailable as error:
        QUERIES.labels("unavailable").inc()
        log.warning("the search index is away", extra={"error": type(error).__name__})
        raise Problem(503, "The search is not available now.", retry_after=RETRY_AFTER_SECONDS) from None
    try:
        with STEP_SECONDS.labels("record").time():
            known = await parts.records.documents([hit.document_id for hit in results.hits])
        hits = tuple(_joined(hit, known[hit.document_id]) for hit in results.hits if hit.document_id in known)
        degraded = False
    except Transient:
        hits, degraded = tuple(_alone(hit) for hit in results.hits), True
    seconds = time.perf_counter() - began
    QUERIES.labels("degraded" if degraded else "answered").inc()
    SECONDS.observe(seconds, exemplar=exemplar())
    RESULTS.observe(results.total)
    if not results.total:
        FOUND_NOTHING.inc()
    _remember(request, key_id, results.total, degraded=degraded)
    facets = {name: dict(counts) for name, counts in results.facets.items()}
    return Answer(hits, results.total, facets, round(seconds * 1000), degraded, suggestions)


def marked(highlight: str) -> str:
    """A highlight as HTML: everything a visitor wrote is escaped, and only then the matched words are marked."""
    pairs = MARKED.sub(r"<mark>\1</mark>", html.escape(highlight))
    return pairs.replace(MARK_BEGIN, "").replace(MARK_END, "")


def _remember(request: SearchRequest, key_id: str, total: int, *, degraded: bool) -> None:
    """The audit log keeps what was asked, in the words it was asked in; no metric does."""
    filters = request.filters.model_dump(mode="json", exclude_defaults=True)
    more = {"like": request.like} if request.like else {}
    audit.record("search", key_id, words=request.query, filters=filters, total=total, degraded=degraded, **more)


def _alone(hit: Hit) -> Found:
    """What the index knows; it does not keep content types."""
    return Found(
        document_id=hit.document_id,
        contact_id=hit.contact_id,
        filename=hit.filename,
        document_type=hit.document_type,
        content_type=None,
        size=hit.size,
        status=hit.status,
        tags=tuple(hit.tags),
        language=hit.language,
        created_at=hit.created_at,
        score=round(hit.score, 4),
        highlights=tuple(marked(text) for text in hit.highlights),
        page=hit.page,
    )


def _joined(hit: Hit, document: Document) -> Found:
    return dataclasses.replace(
        _alone(hit),
        filename=document.filename,
        document_type=document.document_type,
        content_type=document.content_type,
        size=document.size,
        status=document.status,
        tags=document.tags,
        language=document.language,
        created_at=document.created_at,
        scan=document.scan,
        document=document,
    )


def _as_json(hit: Found) -> dict[str, object]:
    fields = {name: getattr(hit, name) for name in _NAMES}
    fields["created_at"] = hit.created_at.isoformat()
    if hit.page is not None:
        fields["page"] = hit.page
    shown = pictures_of(hit.document) if hit.document is not None else {}
    return {**fields, "thumbnail": shown["thumbnail"]} if shown else fields
