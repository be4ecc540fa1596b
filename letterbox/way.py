"""The way of one submission: what stream, dead letters and record know of it. Ids and reasons, no content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from letterbox.operator import operators_postgres
from letterbox.progress_bar import ProgressBar
from libs.events.backlog import backlog
from libs.events.catalogue import DocumentFailed, NotificationFailed
from libs.events.connect import Nats
from libs.events.dead_letters import DeadLetter, DeadLetters
from libs.events.envelope import own_subject
from libs.events.errors import InvalidEvent, Transient
from libs.events.journal import Entry, Journal
from libs.events.streams import DURABLES
from libs.postgres.pool import postgres_errors

JOURNEY = """
select sequence, time, type, coalesce(document_id, target, '') as about, coalesce(reason, '') as reason
from journey where submission_id = $1 order by sequence
"""
MAILS = "select target, attempts from sent_mails where submission_id = $1"


@dataclass(frozen=True, slots=True)
class Step:
    """One event of the way."""

    sequence: int
    time: datetime
    type: str
    service: str
    """Who emitted it; empty when only the record still knows of it."""
    about: str
    """The document or the mail it is about; empty: the submission itself."""
    reason: str
    trace_id: str
    again_for: str = ""
    """On a copy that was handed out again: for which durable."""


@dataclass(slots=True)
class Way:
    """Everything that is known of one submission."""

    submission_id: str
    steps: list[Step] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    """Durables that have not settled one of its events yet, and their backlog."""
    mail_attempts: dict[str, int] = field(default_factory=dict)
    """How often each mail was tried."""

    @property
    def trace_ids(self) -> list[str]:
        """Its traces; more than one when it was processed again."""
        return list(dict.fromkeys(step.trace_id for step in self.steps if step.trace_id))

    @property
    def is_known(self) -> bool:
        """Whether there is any trace of it."""
        return bool(self.steps or self.dead_letters)


async def way_of(nc: Nats, submission_id: str) -> Way:
    """The way of a submission, as far as it is known now. Raises Transient when NATS does not answer."""
    way = Way(submission_id)
    journal = Journal(nc)
    own = (f"*.*.{submission_id}", f"*.*.{submission_id}.>")
    again = (f"redrive.*.*.*.{submission_id}", f"redrive.*.*.*.{submission_id}.>")
    for subject in await journal.subjects(*own, *again):
        way.steps += [_step(entry) for entry in await journal.of_subject(subject)]
    way.dead_letters = [one async for one in DeadLetters(nc).all() if one.submission_id == submission_id]
    await _add_record(way)
    way.steps.sort(key=lambda step: step.sequence)
    way.waiting = await _waiting(nc, way.steps)
    return way


async def submission_of_trace(nc: Nats, trace_id: str) -> str | None:
    """The submission that a trace is about, by walking the whole stream: for when nothing quicker knows."""
    journal = Journal(nc)
    state = await journal.state()
    bar = ProgressBar("stream ", state.last - state.first + 1)
    found = None
    async for entries in journal.walk(state.first):
        hit = next((one for one in entries if _trace_id(one.headers) == trace_id), None)
        if hit is not None:
            found = own_subject(hit.subject).split(".")[2]
            break
        bar.at(entries[-1].sequence - state.first)
    bar.end()
    return found


def _step(entry: Entry) -> Step:
    subject = own_subject(entry.subject)
    tokens = subject.split(".")
    reason = ""
    try:
        event, _ = entry.open()
        reason = event.message if isinstance(event, DocumentFailed | NotificationFailed) else ""
    except InvalidEvent as error:
        reason = str(error)
    return Step(
        sequence=entry.sequence,
        time=entry.time,
        type=entry.headers.get("ce-type", ".".join(tokens[:2])),
        service=entry.headers.get("ce-source", "").rpartition("/")[2],
        about=".".join(tokens[3:]),
        reason=reason,
        trace_id=_trace_id(entry.headers),
        again_for=entry.subject.split(".")[1] if entry.subject != subject else "",
    )


def _trace_id(headers: Mapping[str, str]) -> str:
    parent = headers.get("traceparent", "").split("-")
    return parent[1] if len(parent) == 4 else ""


async def _add_record(way: Way) -> None:
    """Add what the stream has forgotten, and the mails' attempts; without PostgreSQL there are neither."""
    try:
        async with operators_postgres(most=1) as pool:
            with postgres_errors():
                rows = await pool.fetch(JOURNEY, way.submission_id)
                mails = await pool.fetch(MAILS, way.submission_id)
    except Transient:
        return
    known = {step.sequence for step in way.steps}
    for row in rows:
        if row["sequence"] not in known:
            about = row["about"].removeprefix(f"{way.submission_id}-")
            way.steps.append(Step(row["sequence"], row["time"], row["type"], "", about, row["reason"], ""))
    way.mail_attempts = {row["target"]: row["attempts"] for row in mails}


async def _waiting(nc: Nats, steps: list[Step]) -> dict[str, int]:
    waiting = {}
    for durable in DURABLES:
        types = {event.type for event in durable.events}
        newest = max((s.sequence for s in steps if s.again_for == durable.name or s.type in types), default=0)
        seen = await backlog(nc, durable.name)
        if seen.unsettled and newest > seen.settled_until:
            waiting[durable.name] = seen.unsettled
    return waiting


def as_json(way: Way) -> dict[str, object]:
    """The way for programs."""
    start = way.steps[0].time if way.steps else None
    return {
        "submission": way.submission_id,
        "traces": way.trace_ids,
        "events": [
            {
                "seq": step.sequence,
                "time": step.time.isoformat(timespec="milliseconds"),
                "after_seconds": round((step.time - start).total_seconds(), 3) if start else 0.0,
                "type": step.type,
                "service": step.service,
                "about": step.about,
                "reason": step.reason,
                "trace": step.trace_id,
                "again_for": step.again_for,
            }
            for step in way.steps
        ],
        "waiting": way.waiting,
        "mail_attempts": way.mail_attempts,
        "dead_letters": [
            {
                "number": letter.sequence,
                "time": letter.buried_at.isoformat(timespec="milliseconds"),
                "durable": letter.durable,
                "attempts": letter.deliveries,
                "reason": letter.reason,
            }
            for letter in way.dead_letters
        ],
    }
