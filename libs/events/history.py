"""Reading single events back from the stream by their exact subject: flat in time however large the stream is.

Uses JetStream's direct get (`$JS.API.DIRECT.GET.<stream>.<subject>`, ADR-31), which needs one permission per kind of
event; filters that begin with wildcards are not flat and are never used.
"""

import json
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from libs.events.catalogue import Event, SubmissionCreated
from libs.events.envelope import open_envelope
from libs.events.errors import Transient
from libs.events.streams import STREAM

TIMEOUT_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Stored:
    """An event as the stream keeps it."""

    event: Event
    identity: str
    sequence: int
    time: datetime


class History:
    """The stream, read event by event."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def read(self, subject: str) -> Stored | None:
        """The event on exactly `subject`, or None when there is none.

        Raises Transient when NATS does not answer, InvalidEvent when what is stored there is no event.
        """
        message = await self._ask(f"$JS.API.DIRECT.GET.{STREAM}.{subject}")
        headers = message.headers or {}
        if headers.get("Status") == "404":
            return None
        if "Nats-Sequence" not in headers:
            raise Transient("nats", f"direct get answered {headers.get('Status', 'without a sequence')}")
        event, identity = open_envelope(headers.get("Nats-Subject", subject), headers, message.data)
        return Stored(event, identity, int(headers["Nats-Sequence"]), parse_time(headers["Nats-Time-Stamp"]))

    async def submission(self, submission_id: str) -> SubmissionCreated | None:
        """What the visitor sent, for those who need the message itself. Raises as `read` does."""
        stored = await self.read(f"{SubmissionCreated.type}.{submission_id}")
        if stored is None or not isinstance(stored.event, SubmissionCreated):
            return None
        return stored.event

    async def begins(self) -> datetime | None:
        """When the oldest event was stored; None when there is none. Raises Transient when NATS does not answer."""
        answer = json.loads((await self._ask(f"$JS.API.STREAM.INFO.{STREAM}")).data)
        if "state" not in answer:
            raise Transient("nats", "the stream does not tell its state")
        return parse_time(answer["state"]["first_ts"]) if answer["state"]["messages"] else None

    async def _ask(self, subject: str) -> Msg:
        try:
            return await self._nc.request(subject, b"", timeout=TIMEOUT_SECONDS)
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None


def parse_time(text: str) -> datetime:
    """A server's RFC 3339 time with nanoseconds, to the microsecond."""
    head, _, tail = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{head}.{tail[:6].ljust(6, '0')}+00:00")
