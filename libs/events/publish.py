"""Publishing: an event counts as published when the stream acknowledged it, and a subject holds one event."""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from nats.errors import ConnectionClosedError, ConnectionDrainingError, NoRespondersError, OutboundBufferLimitError
from nats.errors import TimeoutError as NatsTimeoutError

from libs.events import metrics, tracing
from libs.events.catalogue import Event, event_id
from libs.events.envelope import headers_for
from libs.events.errors import NotPublished, OutcomeUnknown, SubjectTaken
from libs.events.history import History

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
            with tracing.publishing(event.type, len(body), identity, headers):
                published = await self._send(event, subject, identity, body, headers)
                names = {"event_type": event.type, "event_id": identity, "subject": subject}
                log.info("event published", extra=names | {"sequence": published.sequence})
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
        answer = await acknowledged(self._nc, subject, body, headers)
        error = answer.get("error")
        if error is None:
            repeated = bool(answer.get("duplicate"))
            metrics.PUBLISHED.labels(event.type, "repeated" if repeated else "new").inc()
            return Published(int(answer["seq"]), repeated)
        if error.get("err_code") != WRONG_LAST_SEQUENCE:
            raise NotPublished("nats", error.get("description", "refused"))
        stored = await self._history.read(subject)
        if stored is not None and stored.identity == identity:
            metrics.PUBLISHED.labels(event.type, "repeated").inc()
            return Published(stored.sequence, repeated=True)
        raise SubjectTaken(subject)


async def acknowledged(nc: Client, subject: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
    """Publish one message and wait for the stream's answer, as the JSON it gave (see JetStream's PubAck).

    Raises NotPublished when it surely was not stored, OutcomeUnknown when no answer came.
    """
    try:
        message = await nc.request(subject, body, timeout=ACK_TIMEOUT_SECONDS, headers=headers)
    except NoRespondersError:
        raise NotPublished("nats", "no stream answers (it may have no leader for now)") from None
    except (OutboundBufferLimitError, ConnectionClosedError, ConnectionDrainingError):
        raise NotPublished("nats", "not connected") from None
    except (NatsTimeoutError, ConnectionError):
        raise OutcomeUnknown("nats", "no acknowledgement in time") from None
    answer: dict[str, Any] = json.loads(message.data)
    return answer
