"""What publishing and consuming count. Labels are event types and durables: a small, closed set."""

from functools import lru_cache

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter(
    "events_published_total",
    "Events handed to the stream: `new`, `repeated` (it had them), `taken` (another event holds the subject), "
    "`not stored`, or `unknown` (no answer came).",
    ["type", "outcome"],
)
PUBLISH_SECONDS = Histogram(
    "event_publish_seconds",
    "Time until the stream acknowledged an event.",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3),
)
CONSUMED = Counter(
    "events_consumed_total",
    "Deliveries settled: `handled`, `given back` (tried again later), `dead letter`, `erased`, `skipped`.",
    ["durable", "type", "outcome"],
)
HANDLER_SECONDS = Histogram(
    "event_handler_seconds",
    "Time a handler took for one delivery or batch.",
    ["durable"],
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
HANDLER_FAILURES = Counter(
    "event_handler_failures_total",
    "Attempts that ended with an exception that no absent dependency explains.",
    ["durable"],
)
AGE_SECONDS = Histogram(
    "event_age_seconds",
    "Age of a message, since the stream stored it, when a handler had done its work: the oldest one of each batch.",
    ["durable"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 86_400),
)
BATCH_SIZE = Histogram(
    "event_batch_size", "Deliveries handed over at once.", ["durable"], buckets=(1, 5, 20, 50, 100, 200, 500)
)
REDELIVERIES = Counter("event_redeliveries_total", "Deliveries that were not the first of their message.", ["durable"])
DEAD_LETTERS = Counter("dead_letters_total", "Messages given up on and kept in DEAD_LETTERS.", ["durable"])
PENDING = Gauge("consumer_pending", "Lag: messages this durable has not settled, waiting or in hand.", ["durable"])
OLDEST_SECONDS = Gauge(
    "consumer_oldest_seconds", "Age of the oldest message that is not settled, 0 when there is none.", ["durable"]
)
PAUSED = Gauge(
    "consumer_paused", "1 while the consumer waits for a dependency to come back.", ["durable", "dependency"]
)
DEPENDENCY_FAILURES = Counter(
    "consumer_dependency_failures_total",
    "Attempts that ended because a dependency was away or refused for now.",
    ["durable", "dependency"],
)
CONNECTED = Gauge("nats_connected", "1 while the connection to NATS is up.")
PERMISSION_VIOLATIONS = Counter(
    "nats_permission_violations_total", "Requests that the NATS server refused this service."
)
RECONNECTS = Counter("nats_reconnects_total", "Times the connection to NATS came back.")


class ConsumerMetrics:
    """What one consumer counts; its children are looked up once, which costs more than counting."""

    def __init__(self, consumer: str) -> None:
        self.handler_seconds = HANDLER_SECONDS.labels(consumer)
        self.handler_failures = HANDLER_FAILURES.labels(consumer)
        self.age_seconds = AGE_SECONDS.labels(consumer)
        self.batch_size = BATCH_SIZE.labels(consumer)
        self.redeliveries = REDELIVERIES.labels(consumer)


@lru_cache(maxsize=1024)
def consumed(consumer: str, kind: str, outcome: str) -> Counter:
    """The counter of one way that deliveries are settled."""
    return CONSUMED.labels(consumer, kind, outcome)


@lru_cache(maxsize=256)
def published(kind: str, outcome: str) -> Counter:
    """The counter of one way that publishing ends."""
    return PUBLISHED.labels(kind, outcome)
