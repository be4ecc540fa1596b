"""The record brought up to date with the stream, without effects: after a restored dump, or from an empty database.

storage's own handlers work the stream off here, while no service runs. The mail ledger follows from what the stream
proves; a mail whose outcome no event proves may have gone out, so it is uncertain, and nobody ever sends it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.events.catalogue import (
    ERASURE,
    DocumentFound,
    ErasureBegun,
    ErasureRequested,
    Event,
    NotificationFailed,
    NotificationSent,
    SubmissionCreated,
    SubmissionErased,
)
from libs.events.connect import Nats
from libs.events.delivery import Received
from libs.events.history import History
from libs.events.journal import Entry, Journal, events_in
from libs.events.publish import Publisher
from libs.events.streams import DEAD_LETTERS, STORAGE_ERASURE, STORAGE_JOURNEY, STORAGE_RECORD
from libs.objects.store import ObjectStore
from libs.postgres.pool import Pool, postgres_errors
from services.storage import erasure, handlers
from services.storage.erasure import Eraser

REASON = "restored: nobody can tell whether this mail went out"
NEVER_AGAIN = 3
"""Attempts that notifier makes at most, even where uncertain mails are sent again by setting."""

PROVEN = """
insert into sent_mails as m (submission_id, target, state, attempts, reason, settled_at)
values ($1, $2, $3, 1, 'as the stream tells', now())
on conflict (submission_id, target) do update set state = excluded.state, settled_at = now()
where m.state in ('sending', 'uncertain')
"""
UNCERTAIN = """
insert into sent_mails as m (submission_id, target, state, attempts, reason, settled_at)
select s.id, t.target, 'uncertain', $1, $2, now()
from contact_submissions s cross join (values ('owner'), ('sender')) as t (target)
where (s.held is null
       or exists (select 1 from journey j where j.submission_id = s.id and j.type = 'submission.released'))
  and not exists (select 1 from journey j where j.submission_id = s.id and j.target = t.target
                  and j.type in ('notification.sent', 'notification.failed'))
on conflict (submission_id, target) do update
    set state = 'uncertain', attempts = greatest(m.attempts, $1), reason = $2, settled_at = now()
    where m.state = 'sending'
"""
INTERRUPTED = """
update sent_mails set state = 'uncertain', attempts = greatest(attempts, $1), reason = $2, settled_at = now()
where state = 'sending'
"""
"""A row of a submission that is held again: its mail was being sent when the database was dumped."""


@dataclass(slots=True)
class Settled:
    """What was done."""

    events: int = 0
    """Events of the stream that were handled again."""
    uncertain_mails: int = 0
    """Mails that no event proves, and that are not sent."""


async def settle(nc: Nats, pool: Pool, objects: ObjectStore, noted: dict[str, int]) -> Settled:
    """Handle again what follows the positions `noted` (nothing noted: everything), then settle the ledger."""
    journal, history = Journal(nc), History(nc)
    eraser = Eraser(Publisher(nc, "operator"), history, journal, Journal(nc, DEAD_LETTERS))
    parts = handlers.Parts(pool, objects, eraser)
    durables = (STORAGE_RECORD, STORAGE_JOURNEY, STORAGE_ERASURE)
    erased = {subject.rsplit(".", 1)[1] for subject in await journal.subjects(f"{ErasureBegun.type}.*")}
    settled = Settled()
    async for entries in journal.walk(min(noted.get(durable.name, 0) for durable in durables) + 1):
        received = [one for one in _received(entries) if isinstance(one.event, ERASURE) or _of(one) not in erased]
        await handlers.record(_recorded(received), parts)
        await handlers.follow(received, parts)
        for one in received:
            await _settle_mail(pool, one.event)
            await _settle_erasure(pool, history, one.event)
        settled.events += len(received)
    with postgres_errors():
        done = await pool.execute(UNCERTAIN, NEVER_AGAIN, REASON)
        more = await pool.execute(INTERRUPTED, NEVER_AGAIN, REASON)
    settled.uncertain_mails = _count(done) + _count(more)
    return settled


def _received(entries: Sequence[Entry]) -> list[Received[Event]]:
    """The events of a batch, as storage's handlers take them."""
    return [
        Received(event, identity, entry.sequence, entry.time, deliveries=1)
        for entry, event, identity in events_in(entries)
    ]


def _recorded(received: Sequence[Received[Event]]) -> list[Received[SubmissionCreated | DocumentFound]]:
    """Those of them that become rows."""
    return [
        Received(one.event, one.identity, one.sequence, one.time, one.deliveries)
        for one in received
        if isinstance(one.event, SubmissionCreated | DocumentFound)
    ]


def _of(one: Received[Event]) -> str:
    return one.event.submission_id


async def _settle_mail(pool: Pool, event: Event) -> None:
    if isinstance(event, NotificationSent):
        state = "sent"
    elif isinstance(event, NotificationFailed) and event.outcome != "no address":
        state = "uncertain" if event.outcome == "uncertain" else "failed"
    else:
        return
    with postgres_errors():
        await pool.execute(PROVEN, event.submission_id, event.target, state)


async def _settle_erasure(pool: Pool, history: History, event: Event) -> None:
    """What storage had done of an erasure by then; it is finished when the services run."""
    if not isinstance(event, ErasureRequested):
        return
    tombstone = await history.read(f"{SubmissionCreated.type}.{event.submission_id}")
    if tombstone is not None and isinstance(tombstone.event, SubmissionErased):
        await erasure.note(pool, event.submission_id, event.reason, tombstone.sequence)
        await erasure.delete_rows(pool, event.submission_id)


def _count(status: str) -> int:
    return int(status.rsplit(" ", 1)[1])
