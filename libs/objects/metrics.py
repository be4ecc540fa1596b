"""What requests to the object store count: by S3's own names of operations, a small, closed set."""

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

REQUESTS = Counter(
    "s3_requests_total",
    "Requests to the object store: `answered`, `missing` (there is no such object), `refused`, or `failed`.",
    ["operation", "outcome"],
)
SECONDS = Histogram(
    "s3_request_seconds",
    "Time until the object store answered; of a download, until its first byte.",
    ["operation"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
BYTES = Counter("s3_bytes_total", "Bytes of objects `received` and `sent`.", ["direction"])
RECEIVED, SENT = BYTES.labels("received"), BYTES.labels("sent")

_BEGAN = "letterbox-began"


def count(operation: str, outcome: str, seconds: float) -> None:
    """Count one request."""
    _requests(operation, outcome).inc()
    _seconds(operation).observe(seconds)


def outcome_of(status: int) -> str:
    """What an answer's status means."""
    if status < 300:
        return "answered"
    return "missing" if status == 404 else "refused"


def counting(client: "S3Client") -> None:
    """From now on every call of `client` is counted."""
    client.meta.events.register("before-call.s3", _begin)
    client.meta.events.register("after-call.s3", _answered)
    client.meta.events.register("after-call-error.s3", _failed)


def _begin(context: dict[str, Any], **_: Any) -> None:
    context[_BEGAN] = time.perf_counter()


def _answered(model: Any, http_response: Any, context: dict[str, Any], **_: Any) -> None:
    count(model.name, outcome_of(http_response.status_code), time.perf_counter() - context[_BEGAN])


def _failed(context: dict[str, Any], event_name: str, **_: Any) -> None:
    count(event_name.rsplit(".", 1)[1], "failed", time.perf_counter() - context[_BEGAN])


@lru_cache(maxsize=256)
def _requests(operation: str, outcome: str) -> Counter:
    return REQUESTS.labels(operation, outcome)


@lru_cache(maxsize=64)
def _seconds(operation: str) -> Histogram:
    return SECONDS.labels(operation)
