"""The streams and durable consumers, and the one place that creates them."""

from dataclasses import dataclass

from nats.aio.client import Client
from nats.js import api
from nats.js.errors import BadRequestError

from libs.events.catalogue import (
    EVENTS,
    DocumentExtracted,
    DocumentFailed,
    DocumentFound,
    DocumentStored,
    ErasureBegun,
    ErasureRequested,
    Event,
    NotificationFailed,
    NotificationSent,
    SubmissionCreated,
    SubmissionReleased,
    SubmissionStored,
)

STREAM = "EVENTS"
DEAD_LETTERS = "DEAD_LETTERS"
ADVISORIES = "ADVISORIES"
"""What the server says of messages that crossed their last delivery, because processes died over them."""
EXHAUSTED = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS"
REPUBLISHED = "stored"
"""EVENTS repeats the headers of each stored message to `stored.<subject>`: a nudge for open journey pages."""

DUPLICATE_WINDOW_SECONDS = 120
ADVISORY_DAYS = 30
ADVISORY_DURABLE = "storage-exhausted"
STREAM_EXISTS = 10058


@dataclass(frozen=True, slots=True)
class Durable:
    """A durable consumer: its name, what it listens to, and how long a delivery may go unacknowledged."""

    name: str
    events: tuple[type[Event], ...]
    ack_wait: float = 30.0
    """Seconds without a word after which a delivery is repeated; long work says so every third of it."""
    max_ack_pending: int = 2000
    """Deliveries in hand at once, over all instances of the service."""
    max_deliver: int = 20
    """Deliveries before the server gives up; the loop's own limit for exceptions is lower, so it decides first."""
    replayed: tuple[type[Event], ...] = ()
    """What a replay reads besides its events."""

    @property
    def filters(self) -> list[str]:
        """Subjects delivered: its events, and what is redriven to it alone."""
        return [f"{event.type}.>" for event in self.events] + [f"redrive.{self.name}.>"]


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of the stream that is handled again: by the temporary consumer `consumer`, up to a sequence.

    Without `effects` nothing is published, and no mail is sent.
    """

    consumer: str
    until: int
    effects: bool = False


STORAGE_RECORD = Durable("storage-record", (SubmissionCreated, DocumentFound))
STORAGE_JOURNEY = Durable("storage-journey", EVENTS, max_ack_pending=4000)
STORAGE_ERASURE = Durable("storage-erasure", (ErasureRequested, ErasureBegun), max_ack_pending=64)
INDEXER_EXTRACT = Durable("indexer-extract", (DocumentStored,), max_ack_pending=64)
INDEXER_INDEX = Durable("indexer-index", (SubmissionStored, DocumentExtracted, DocumentFailed))
INDEXER_PREVIEW = Durable("indexer-preview", (DocumentExtracted, DocumentFailed), max_ack_pending=16)
INDEXER_REBUILD = Durable(
    INDEXER_INDEX.name, (SubmissionCreated, DocumentExtracted, DocumentFailed), replayed=(SubmissionStored,)
)
"""What the next index is built from: messages as they were sent, so that none has to be looked up.

A kept index that is brought up to date reads what `indexer-index` reads. What fails is a dead letter of that one.
"""
INDEXER_ERASURE = Durable("indexer-erasure", (ErasureBegun,), max_ack_pending=64)
NOTIFIER_MAIL = Durable(
    "notifier-mail",
    (SubmissionStored, SubmissionReleased),
    max_ack_pending=256,
    replayed=(NotificationSent, NotificationFailed),
)
NOTIFIER_ERASURE = Durable("notifier-erasure", (ErasureBegun,), max_ack_pending=64)

DURABLES = (
    STORAGE_RECORD,
    STORAGE_JOURNEY,
    STORAGE_ERASURE,
    INDEXER_EXTRACT,
    INDEXER_INDEX,
    INDEXER_PREVIEW,
    INDEXER_ERASURE,
    NOTIFIER_MAIL,
    NOTIFIER_ERASURE,
)
ERASERS = (STORAGE_ERASURE, INDEXER_ERASURE, NOTIFIER_ERASURE)
"""The durables that erase; all others have to be past a tombstone before an erasure is final."""


def stream_configs(max_age_seconds: float = 0, replicas: int = 1) -> tuple[api.StreamConfig, ...]:
    """EVENTS (the journal), DEAD_LETTERS and ADVISORIES; `max_age_seconds` 0 keeps events for ever."""
    entities = sorted({event.type.split(".")[0] for event in EVENTS})
    shared = {
        "retention": api.RetentionPolicy.LIMITS,
        "storage": api.StorageType.FILE,
        "num_replicas": replicas,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS,
        "allow_direct": True,
        "discard": api.DiscardPolicy.NEW,
    }
    return (
        api.StreamConfig(
            name=STREAM,
            subjects=[*(f"{entity}.>" for entity in entities), "redrive.>"],
            max_age=max_age_seconds,
            republish=api.RePublish(src=">", dest=f"{REPUBLISHED}.>", headers_only=True),
            **shared,  # type: ignore[arg-type]
        ),
        api.StreamConfig(name=DEAD_LETTERS, subjects=["dead.>"], **shared),  # type: ignore[arg-type]
        api.StreamConfig(
            name=ADVISORIES,
            subjects=[f"{EXHAUSTED}.*"],
            no_ack=True,  # an advisory has nobody to answer
            max_age=ADVISORY_DAYS * 86_400,
            **{**shared, "discard": api.DiscardPolicy.OLD},  # type: ignore[arg-type]
        ),
    )


def consumer_config(durable: Durable, ack_wait: float | None = None) -> api.ConsumerConfig:
    """The server's side of a durable: pulled, acknowledged one by one, from the first event on.

    `ack_wait` (seconds) replaces the durable's own.
    """
    return api.ConsumerConfig(
        durable_name=durable.name,
        deliver_policy=api.DeliverPolicy.ALL,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=durable.ack_wait if ack_wait is None else ack_wait,
        max_deliver=durable.max_deliver,
        max_ack_pending=durable.max_ack_pending,
        filter_subjects=durable.filters,
    )


async def provision(
    nc: Client, max_age_seconds: float = 0, replicas: int = 1, ack_wait_seconds: float | None = None
) -> None:
    """Create or update the streams and all durables; running it again changes nothing.

    Needs a user that may create streams and consumers; no service has that right. `ack_wait_seconds` is for tests that
    compress time.
    """
    js = nc.jetstream(timeout=10)
    for stream in stream_configs(max_age_seconds, replicas):
        try:
            await js.add_stream(stream)
        except BadRequestError as error:
            if error.err_code != STREAM_EXISTS:
                raise
            await js.update_stream(stream)
    for durable in DURABLES:
        await js.add_consumer(STREAM, consumer_config(durable, ack_wait_seconds))
    exhausted = api.ConsumerConfig(
        durable_name=ADVISORY_DURABLE, ack_policy=api.AckPolicy.EXPLICIT, deliver_policy=api.DeliverPolicy.ALL
    )
    await js.add_consumer(ADVISORIES, exhausted)
