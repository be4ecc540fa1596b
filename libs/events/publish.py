"""Publishing: an event counts as published when the stream acknowledged it, and a subject holds one event."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError, ConnectionDrainingError, NoRespondersError, OutboundBufferLimitError
from nats.errors import TimeoutError as NatsTimeoutError

from libs.events import metrics
from libs.events.catalogue import Event, event_id
from libs.events.envelope import headers_for
from libs.events.errors import NotPublished, OutcomeUnknown, SubjectTaken, Transient
from libs.events.history import History
from libs.events.requests import Requests
from libs.events.tracing import publishing
from libs.service.tracing import current, sampled

log = logging.getLogger(__name__)

ACK_TIMEOUT_SECONDS = 3.0
WRONG_LAST_SEQUENCE = 10071
IN_FLIGHT = 64
"""More publishes in flight buy nothing when every one is synced to disk (facts: measured)."""

_EXPECT_LAST = "Nats-Expected-Last-Subject-Sequence"


@dataclass(frozen=True, slots=True)
class Published:
    """The stream's acknowledgement."""

    sequence: int
    repeated: bool
    """The same event was there before."""


class Publisher:
    """Publishes the events of one service."""

    def __init__(self, nc: Client, source: str) -> None:
        self._nc = nc
        self._source = source
        self._requests = Requests(nc)
        self._history = History(nc)
        self._slots = asyncio.Semaphore(IN_FLIGHT)

    @property
    def connected(self) -> bool:
        """Whether publishing can be tried now."""
        return self._nc.is_connected

    async def publish(self, event: Event, cause: str, *, after: int = 0) -> Published:
        """Store `event`, caused by `cause`, on its subject; returns when the stream has it on disk.

        `after` is the sequence of what the subject holds now: 0, nothing, for every event but the tombstone.
        The id is made of cause and subject, so a repeat is the same event and a success. Raises NotPublished (surely
        not stored), OutcomeUnknown (no answer), or SubjectTaken when another event holds the subject.
        """
        subject = event.subject
        identity = event_id(subject, cause)
        body = event.model_dump_json(exclude_defaults=True).encode()
        headers = headers_for(event, identity, self._source)
        headers[_EXPECT_LAST] = str(after)
        async with self._slots:
            with publishing(event.type, len(body), identity, headers):
                published = await self._send(event, subject, identity, body, headers)
                # A line for each event would cost more than the event: only of what is sampled.
                level = logging.INFO if sampled(current()) else logging.DEBUG
                if log.isEnabledFor(level):
                    names = {"event_type": event.type, "event_id": identity, "subject": subject}
                    log.log(level, "event published", extra=names | {"sequence": published.sequence})
                return published

    async def publish_all(self, events: Sequence[tuple[Event, str]]) -> None:
        """Publish several (event, cause) pairs at once; raises the first failure after all have ended."""
        if not events:
            return
        results = await asyncio.gather(*(self.publish(event, cause) for event, cause in events), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def _send(self, event: Event, subject: str, identity: str, body: bytes, headers: dict[str, str]) -> Published:
        began = time.perf_counter()
        try:
            published = await self._stored(subject, identity, body, headers)
        except OutcomeUnknown:
            metrics.published(event.type, "unknown").inc()
            raise
        except Transient:
            metrics.published(event.type, "not stored").inc()
            raise
        except SubjectTaken:
            metrics.published(event.type, "taken").inc()
            raise
        metrics.PUBLISH_SECONDS.observe(time.perf_counter() - began)
        metrics.published(event.type, "repeated" if published.repeated else "new").inc()
        return published

    async def _stored(self, subject: str, identity: str, body: bytes, headers: dict[str, str]) -> Published:
        answer = await acknowledged(self._requests.request, subject, body, headers)
        error = answer.get("error")
        if error is None:
            return Published(int(answer["seq"]), bool(answer.get("duplicate")))
        if error.get("err_code") != WRONG_LAST_SEQUENCE:
            raise NotPublished("nats", error.get("description", "refused"))
        stored = await self._history.read(subject)
        if stored is not None and stored.identity == identity:
            return Published(stored.sequence, repeated=True)
        raise SubjectTaken(subject)


class Request(Protocol):
    """The client's `request`, or that of Requests."""

    def __call__(self, subject: str, body: bytes, /, *, timeout: float, headers: dict[str, str]) -> Awaitable[Msg]:
        """Send one message and wait for its answer."""


async def acknowledged(request: Request, subject: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Publish one message and wait for the stream's answer, as the JSON it gave (see JetStream's PubAck).

    Raises NotPublished when it surely was not stored, OutcomeUnknown when no answer came.
    """
    try:
        message = await request(subject, body, timeout=ACK_TIMEOUT_SECONDS, headers=headers)
    except NoRespondersError:
        raise NotPublished("nats", "no stream answers (it may have no leader for now)") from None
    except (OutboundBufferLimitError, ConnectionClosedError, ConnectionDrainingError):
        raise NotPublished("nats", "not connected") from None
    except (NatsTimeoutError, ConnectionError):
        raise OutcomeUnknown("nats", "no acknowledgement in time") from None
    answer: dict[str, Any] = json.loads(message.data)
    return answer
