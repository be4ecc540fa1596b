"""What publishing and consuming count. Labels are event types and durables: a small, closed set."""

from prometheus_client import Counter, Gauge, Histogram

PUBLISHED = Counter("events_published_total", "Events acknowledged by the stream.", ["type", "outcome"])
CONSUMED = Counter("events_consumed_total", "Deliveries settled, by how.", ["durable", "type", "outcome"])
HANDLER_SECONDS = Histogram(
    "event_handler_seconds",
    "Time a handler took for one delivery or batch.",
    ["durable"],
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)
BATCH_SIZE = Histogram(
    "event_batch_size", "Deliveries handed over at once.", ["durable"], buckets=(1, 5, 20, 50, 100, 200, 500)
)
REDELIVERIES = Counter("event_redeliveries_total", "Deliveries that were not the first of their message.", ["durable"])
DEAD_LETTERS = Counter("dead_letters_total", "Messages given up on and kept in DEAD_LETTERS.", ["durable"])
PENDING = Gauge("consumer_pending", "Messages this durable has not settled: waiting or in hand.", ["durable"])
OLDEST_SECONDS = Gauge(
    "consumer_oldest_seconds", "Age of the oldest message in hand, 0 when there is none.", ["durable"]
)
PAUSED = Gauge(
    "consumer_paused", "1 while the consumer waits for a dependency to come back.", ["durable", "dependency"]
)
PERMISSION_VIOLATIONS = Counter(
    "nats_permission_violations_total", "Requests that the NATS server refused this service."
)
RECONNECTS = Counter("nats_reconnects_total", "Times the connection to NATS came back.")
