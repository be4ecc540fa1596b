"""Erasing a submission: the tombstone, the rows, the copies in the streams, and the receipt.

What an erasure leaves behind holds no personal data: the tombstone in EVENTS, the events `erasure.*`, and a row in
`erasures`, the list of erased ids that backups need.
"""

import asyncio
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import Gauge

from libs.events.catalogue import ERASURE, ErasureDone, SubmissionCreated, SubmissionErased
from libs.events.errors import InvalidEvent, Transient
from libs.events.history import History
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.publish import Publisher
from libs.events.streams import DURABLES, ERASERS
from libs.postgres.pool import Pool, postgres_errors
from libs.service import audit

log = logging.getLogger(__name__)

OPEN = Gauge("letterbox_erasures_open", "Erasures whose receipt is not final yet.")

OWNERS = ("storage", "indexer", "notifier")
FINISH_EVERY_SECONDS = 2.0
FINISHED_AT_ONCE = 500
KEPT = tuple(f"{event.type}." for event in ERASURE)

NOTE = """
insert into erasures (submission_id, reason, tombstone_sequence) values ($1, $2, $3)
on conflict (submission_id) do nothing
"""
DELETE_JOURNEY = "delete from journey where submission_id = $1 and type <> all($2::text[])"
UNFINISHED = """
select submission_id, tombstone_sequence, copied_at from erasures
where final_at is null order by copied_at is null, requested_at limit $1
"""


async def note(pool: Pool, submission_id: str, reason: str, tombstone: int) -> None:
    """Put the id on the list of erased ids. Raises Transient when PostgreSQL is away."""
    with postgres_errors():
        await pool.execute(NOTE, submission_id, reason, tombstone)


async def delete_rows(pool: Pool, submission_id: str) -> int:
    """Remove every row about the submission but those of the erasure itself; returns how many went.

    The mails' ledger is notifier's to erase.
    """
    gone = 0
    with postgres_errors():
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            status = await connection.execute(DELETE_JOURNEY, submission_id, [event.type for event in ERASURE])
            gone += _count(status)
            for statement in DELETES:
                gone += _count(await connection.execute(statement, submission_id))
    return gone


DELETES = (
    "delete from document_states where submission_id = $1",
    "delete from documents where submission_id = $1",
    "delete from contact_submissions where id = $1",
)


@dataclass(frozen=True, slots=True)
class Eraser:
    """The stream's side of an erasure. Every method raises Transient when NATS does not answer."""

    publisher: Publisher
    history: History
    events: Journal
    dead_letters: Journal

    async def bury(self, submission_id: str) -> int:
        """Put the tombstone on the submission's own subject, if it is not there yet; returns its sequence."""
        subject = f"{SubmissionCreated.type}.{submission_id}"
        after = 0
        try:
            stored = await self.history.read(subject)
        except InvalidEvent:  # forged or damaged: it goes like the rest
            after = max(entry.sequence for entry in await self.events.of_subject(subject))
        else:
            if stored is not None:
                if isinstance(stored.event, SubmissionErased):
                    return stored.sequence
                after = stored.sequence
        tombstone = SubmissionErased(submission_id=submission_id)
        return (await self.publisher.publish(tombstone, cause="erasure", after=after)).sequence

    async def sweep(self, submission_id: str) -> dict[str, int]:
        """Overwrite every message about the submission in EVENTS (redriven copies too) and in DEAD_LETTERS."""
        copies = (f"redrive.*.*.*.{submission_id}", f"redrive.*.*.*.{submission_id}.>")
        events = await self._erase(self.events, f"*.*.{submission_id}", f"*.*.{submission_id}.>")
        redriven = await self._erase(self.events, *copies)
        dead = (f"dead.*.*.*.{submission_id}", f"dead.*.*.*.{submission_id}.>")
        return {
            "events": events,
            "redriven": redriven,
            "dead letters": await self._erase(self.dead_letters, *dead),
        }

    async def _erase(self, journal: Journal, *filters: str) -> int:
        gone = 0
        for subject in await journal.subjects(*filters):
            if subject.startswith(KEPT):
                continue
            entries = await journal.of_subject(subject)
            gone += await journal.delete(
                [entry.sequence for entry in entries if entry.headers.get("ce-type") != SubmissionErased.type]
            )
        return gone


@dataclass(frozen=True, slots=True)
class Receipts:
    """Makes receipts final: once all owners have answered and every durable is past the tombstone, the streams are
    swept once more, for what was on its way.

    With `backed_up` a receipt also waits until the list of erased ids was copied to where the backups are.
    """

    pool: Pool
    eraser: Eraser
    backed_up: bool = False

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.finish()
            except Transient as error:
                log.warning("receipts have to wait", extra={"error": str(error)})
            await asyncio.sleep(FINISH_EVERY_SECONDS)

    async def finish(self) -> int:
        """One look; returns how many receipts became final."""
        with postgres_errors():
            rows = await self.pool.fetch(UNFINISHED, FINISHED_AT_ONCE)
        OPEN.set(len(rows))
        if not rows:
            return 0
        working = [durable.name for durable in DURABLES if durable not in ERASERS]
        reached = await passed(self.eraser.events, working)
        final = 0
        for row in rows:
            submission_id = row["submission_id"]
            if self.backed_up and row["copied_at"] is None:
                continue
            answers = await self._answers(submission_id)
            if len(answers) < len(OWNERS) or reached < row["tombstone_sequence"]:
                continue
            last = ErasureDone(
                submission_id=submission_id, owner="stream", removed=await self.eraser.sweep(submission_id)
            )
            done: dict[str, object] = {answer.owner: answer.removed for answer in (*answers, last)}
            done["mails"] = sorted({target for answer in answers for target in answer.mails})
            await self.eraser.publisher.publish(last, cause="erasure")
            with postgres_errors():
                await self.pool.execute(
                    "update erasures set done = $2, final_at = now() where submission_id = $1",
                    submission_id,
                    done,
                )
            audit.record("erased", None, contact_id=submission_id)
            final += 1
        return final

    async def _answers(self, submission_id: str) -> Sequence[ErasureDone]:
        found = []
        for owner in OWNERS:
            stored = await self.eraser.history.read(f"{ErasureDone.type}.{submission_id}.{owner}")
            if stored is not None and isinstance(stored.event, ErasureDone):
                found.append(stored.event)
        return found


def _count(status: str) -> int:
    """Rows that a DELETE reports in its command tag."""
    return int(re.sub(r"\D", "", status) or 0)
