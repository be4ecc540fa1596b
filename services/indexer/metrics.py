"""What indexer counts. Sorts of files and outcomes are closed sets: what a document says of itself is no label."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Histogram

from libs.service.tracing import span

EXTRACTIONS = Counter(
    "extractions_total",
    "Documents read, or not, by sort of file: `read`, `read by ocr`, or why not.",
    ["family", "outcome"],
)
EXTRACTION_SECONDS = Histogram(
    "extraction_seconds",
    "Time the sandbox took for one document.",
    ["family"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
BATCH_DOCUMENTS = Histogram(
    "index_batch_documents",
    "Documents written into an index at once.",
    ["index"],
    buckets=(0, 1, 5, 20, 50, 100, 200, 500, 1000),
)
WRITE_SECONDS = Histogram(
    "index_write_seconds",
    "Time until the index had taken a batch.",
    ["index"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
WRITE_FAILURES = Counter("index_write_failures_total", "Batches that an index did not take.", ["index"])
SEARCHABLE_SECONDS = Histogram(
    "document_searchable_seconds",
    "Time from the visitor's request until a document could be found, the first time.",
    ["document"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 300, 1800, 7200),
)
PREVIEWS = Counter("previews_total", "Documents whose pages were to be drawn: `drawn` or `none`.", ["outcome"])

REASONS = frozenset({"encrypted", "broken", "empty", "no_text", "too_large", "too_slow", "unsupported", "infected"})
"""Why a document is not read; the sandbox repeats what a hostile document may have made it say."""


def unread(family: str, reason: str) -> None:
    """Count a document that was not read."""
    EXTRACTIONS.labels(family, reason if reason in REASONS else "other").inc()


@contextmanager
def reading(family: str) -> Iterator[None]:
    """Measure one reading."""
    with EXTRACTION_SECONDS.labels(family).time():
        yield


@contextmanager
def writing(index: str, documents: int) -> Iterator[None]:
    """A measure and a span of one write into `index`: `live` or `next`."""
    began = time.perf_counter()
    try:
        with span("index", SpanKind.CLIENT, {"letterbox.index": index, "letterbox.documents": documents}):
            yield
    except Exception:
        WRITE_FAILURES.labels(index).inc()
        raise
    BATCH_DOCUMENTS.labels(index).observe(documents)
    WRITE_SECONDS.labels(index).observe(time.perf_counter() - began)


def searchable(kind: str, sent: Iterable[datetime]) -> None:
    """Documents of `kind` (`message` or `file`), sent at these times, can be found now."""
    now, histogram = datetime.now(UTC), SEARCHABLE_SECONDS.labels(kind)
    for one in sent:
        histogram.observe(max(0.0, (now - one).total_seconds()))
