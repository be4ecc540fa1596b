"""A stream as a journal: walked by sequence, looked up by time, and erased message by message.

Subject listings time out on large streams; walking by sequence in batches does not (direct get in batches, ADR-31).
Needs rights that read everything: the operator's and storage's.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error

from libs.events.catalogue import Event
from libs.events.envelope import REDRIVE, open_envelope
from libs.events.errors import InvalidEvent, Transient
from libs.events.history import parse_time
from libs.events.streams import STREAM

TIMEOUT_SECONDS = 5.0
BATCH = 500
"""Messages of one request."""
SUBJECTS_MOST = 100_000
"""The server lists no more subjects at once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a stream, unopened."""

    sequence: int
    subject: str
    time: datetime
    headers: dict[str, str]
    body: bytes

    def open(self) -> tuple[Event, str]:
        """The event and its id. Raises InvalidEvent."""
        return open_envelope(self.subject, self.headers, self.body)


def events_in(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Event, str]]:
    """The events among messages, with their ids: no redriven copy, and nothing that is no event.

    What is no event is a dead letter already.
    """
    for entry in entries:
        if entry.subject.startswith(REDRIVE):
            continue
        try:
            event, identity = entry.open()
        except InvalidEvent:
            continue
        yield entry, event, identity


@dataclass(frozen=True, slots=True)
class State:
    """From where to where a stream reaches."""

    first: int
    last: int
    messages: int
    forgets: bool
    """Whether messages age out of it."""
    bytes: int = 0


class Journal:
    """One stream. Every method raises Transient when NATS does not answer."""

    def __init__(self, nc: Client, stream: str = STREAM) -> None:
        self._nc = nc
        self._stream = stream

    @property
    def stream(self) -> str:
        """The stream's name."""
        return self._stream

    async def state(self) -> State:
        """First and last sequence, and how many messages there are."""
        info = await self._api(f"STREAM.INFO.{self._stream}", {})
        state, forgets = info["state"], bool(info["config"].get("max_age"))
        return State(
            int(state["first_seq"]), int(state["last_seq"]), int(state["messages"]), forgets, int(state["bytes"])
        )

    async def subjects(self, *filters: str) -> dict[str, int]:
        """The subjects that match one of the filters, with their messages; for filters that match few."""
        found: dict[str, int] = {}
        for one in filters:
            answer = await self._api(f"STREAM.INFO.{self._stream}", {"subjects_filter": one})
            found |= answer["state"].get("subjects") or {}
        return found

    async def newest(self, *filters: str) -> int:
        """The highest generation among the subjects that match, each ending with one; 0 when there is none."""
        return max((int(subject.rsplit(".", 1)[1]) for subject in await self.subjects(*filters)), default=0)

    async def walk(self, first: int = 1, last: int | None = None) -> AsyncIterator[list[Entry]]:
        """The messages from `first` to `last`, in batches, in order."""
        async with self._inbox() as (inbox, arrived):
            while last is None or first <= last:
                entries = await self._batch(inbox, arrived, {"seq": first, "batch": BATCH})
                within = [entry for entry in entries if last is None or entry.sequence <= last]
                if within:
                    yield within
                if len(within) < len(entries) or not entries:
                    return
                first = entries[-1].sequence + 1

    async def of_subject(self, subject: str) -> list[Entry]:
        """Every message of one subject, without wildcards."""
        found: list[Entry] = []
        async with self._inbox() as (inbox, arrived):
            sequence = 1
            while True:
                asked = {"seq": sequence, "batch": BATCH, "next_by_subj": subject}
                entries = await self._batch(inbox, arrived, asked)
                if not entries:
                    return found
                found += entries
                sequence = entries[-1].sequence + 1

    async def get(self, sequence: int) -> Entry | None:
        """The message at exactly `sequence`, or None."""
        async for entries in self.walk(sequence, sequence):
            return entries[0]
        return None

    async def sequence_at(self, time: datetime) -> int:
        """The sequence of the first message stored at `time` or later; one past the last if there is none."""
        state = await self.state()
        low, high = state.first, state.last + 1
        while low < high:
            middle = (low + high) // 2
            entry = await self._next(middle)
            if entry is None or entry.time >= time:
                high = middle
            else:
                low = entry.sequence + 1
        return low

    async def delete(self, sequences: Sequence[int]) -> int:
        """Overwrite the messages with nothing, and remove them; returns how many were there."""
        gone = 0
        for sequence in sequences:
            answer = await self._api(f"STREAM.MSG.DELETE.{self._stream}", {"seq": sequence}, refused=True)
            gone += bool(answer.get("success"))
        return gone

    async def consumer(self, name: str) -> dict[str, Any]:
        """A consumer's state as the server tells it."""
        return await self._api(f"CONSUMER.INFO.{self._stream}.{name}", {})

    async def _next(self, sequence: int) -> Entry | None:
        async with self._inbox() as (inbox, arrived):
            entries = await self._batch(inbox, arrived, {"seq": sequence, "batch": 1})
        return entries[0] if entries else None

    @contextlib.asynccontextmanager
    async def _inbox(self) -> AsyncIterator[tuple[str, "asyncio.Queue[Msg]"]]:
        arrived: asyncio.Queue[Msg] = asyncio.Queue()

        async def take(message: Msg) -> None:
            arrived.put_nowait(message)

        inbox = self._nc.new_inbox()
        try:
            subscription = await self._nc.subscribe(f"{inbox}.*", cb=take)
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None
        try:
            yield inbox, arrived
        finally:
            with contextlib.suppress(Error, ConnectionError):
                await subscription.unsubscribe()

    async def _batch(self, inbox: str, arrived: "asyncio.Queue[Msg]", asked: dict[str, Any]) -> list[Entry]:
        entries: list[Entry] = []
        reply = f"{inbox}.{asked['seq']}"
        try:
            await self._nc.publish(f"$JS.API.DIRECT.GET.{self._stream}", json.dumps(asked).encode(), reply=reply)
            while True:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    message = await arrived.get()
                if message.subject != reply:
                    continue
                headers = dict(message.headers or {})
                status = headers.get("Status")
                if status in ("204", "404"):
                    return entries
                if status is not None:
                    raise Transient("nats", f"direct get answered {status}")
                entries.append(_entry(headers, message.data))
        except (Error, ConnectionError, TimeoutError) as error:
            raise Transient("nats", type(error).__name__) from None

    async def _api(self, what: str, asked: dict[str, Any], *, refused: bool = False) -> dict[str, Any]:
        try:
            message = await self._nc.request(f"$JS.API.{what}", json.dumps(asked).encode(), timeout=TIMEOUT_SECONDS)
        except (Error, ConnectionError) as error:
            raise Transient("nats", type(error).__name__) from None
        answer: dict[str, Any] = json.loads(message.data)
        if "error" in answer and not refused:
            raise Transient("nats", answer["error"].get("description", "refused"))
        return answer


def _entry(headers: dict[str, str], body: bytes) -> Entry:
    return Entry(
        sequence=int(headers.pop("Nats-Sequence")),
        subject=headers.pop("Nats-Subject"),
        time=parse_time(headers.pop("Nats-Time-Stamp")),
        headers={name: value for name, value in headers.items() if name not in _SERVERS_OWN},
        body=body,
    )


_SERVERS_OWN = ("Nats-Stream", "Nats-Last-Sequence", "Nats-Num-Pending")
