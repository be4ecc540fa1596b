"""The ledger: what every accepted submission must have by now, compared with what each store really has.

Two passes, both in batches: along the stream by sequence (is every event in the record, did each one cause what it had
to), and along the record by id (is every object and every index entry there, and nothing that nobody owns).
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import asyncpg

from libs.events.catalogue import ERASURE, Event, SubmissionCreated
from libs.events.journal import Entry, Journal, events_in
from libs.events.progress import passed
from libs.events.streams import (
    INDEXER_EXTRACT,
    INDEXER_INDEX,
    INDEXER_PREVIEW,
    NOTIFIER_MAIL,
    STORAGE_JOURNEY,
    STORAGE_RECORD,
    Durable,
)
from libs.postgres.pool import Pool, postgres_errors
from services.storage.completeness import Finding, Kind, Known

OPENED_MOST = 10_000
WINDOW = 1000
"""Sequences compared at once; bounds memory."""
OWING: tuple[Durable, ...] = (
    STORAGE_RECORD,
    STORAGE_JOURNEY,
    INDEXER_EXTRACT,
    INDEXER_INDEX,
    INDEXER_PREVIEW,
    NOTIFIER_MAIL,
)


@dataclass(slots=True)
class Tally:
    """What a check has seen so far."""

    submissions: int = 0
    open: int = 0
    """Submissions with something still to come, whether late or not."""
    oldest_seconds: float = 0.0
    opened: dict[str, int] = field(default_factory=dict)
    """Some of the open ones (OPENED_MOST), with the sequence each begins at."""
    findings: Counter[str] = field(default_factory=Counter)

    def add(self, finding: Finding) -> None:
        """Count a finding, by kind and store."""
        self.findings[f"{finding.kind} {finding.store}"] += 1

    def of(self, kind: Kind) -> int:
        """How many findings of a kind there were."""
        return sum(count for name, count in self.findings.items() if name.startswith(f"{kind} "))


@dataclass(frozen=True, slots=True)
class Ledger:
    """The pass along the stream. Raises Transient when a store is away.

    What is younger than `grace_seconds`, or still waits at a durable, is open and not missing.
    """

    journal: Journal
    pool: Pool
    grace_seconds: float = 60.0

    async def check(
        self, first: int, last: int, tally: Tally, progress: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[Finding]:
        """What is wrong with the submissions and events from sequence `first` to `last`."""
        state = await self.journal.state()
        begins = state.first if state.forgets else 1  # what aged out is not lost; anything else is
        for low in range(max(first, 1), last + 1, WINDOW):
            high = min(low + WINDOW - 1, last)
            reached = {durable.name: await passed(self.journal, [durable.name]) for durable in OWING}
            entries = [entry async for batch in self.journal.walk(low, high) for entry in batch]
            async for finding in self._window(low, high, entries, max(low, begins), reached, tally):
                tally.add(finding)
                yield finding
            progress(high)

    async def check_again(self, ids: Sequence[str], tally: Tally) -> AsyncIterator[Finding]:
        """What submissions that were open lack now."""
        erased = await self._erased(set(ids))
        reached = {durable.name: await passed(self.journal, [durable.name]) for durable in OWING}
        for begin in range(0, len(ids), WINDOW):
            some = [one for one in ids[begin : begin + WINDOW] if one not in erased]
            async for finding in self._complete(some, {}, reached, tally):
                tally.add(finding)
                yield finding

    async def _window(
        self, low: int, high: int, entries: Sequence[Entry], begins: int, reached: Mapping[str, int], tally: Tally
    ) -> AsyncIterator[Finding]:
        steps, rows = await self._rows(low, high)
        opened = {entry.sequence: (entry, event) for entry, event, _ in events_in(entries)}
        created = {e.submission_id: (entry, e) for entry, e in opened.values() if isinstance(e, SubmissionCreated)}
        ids = {*created, *rows, *(step["submission_id"] for step in steps.values())}
        ids |= {event.submission_id for _, event in opened.values()}
        erased = await self._erased(ids)
        for finding in _journal(opened, steps, begins, reached[STORAGE_JOURNEY.name], erased):
            yield finding
        kept = [one for one in {*created, *rows} if one not in erased]
        for submission_id in kept:
            # Its step in the journey tells of a purged event; a row without a step is told here.
            if submission_id not in created and rows[submission_id]["sequence"] not in steps:
                yield Finding("missing", "stream", submission_id, SubmissionCreated.type)
        async for finding in self._complete(kept, created, reached, tally):
            yield finding

    async def _complete(
        self,
        ids: Sequence[str],
        created: Mapping[str, tuple[Entry, SubmissionCreated]],
        reached: Mapping[str, int],
        tally: Tally,
    ) -> AsyncIterator[Finding]:
        """What the submissions of one window lack."""
        known = await self._known(ids)
        for submission_id in ids:
            tally.submissions += 1
            about = known[submission_id]
            entry, event = created.get(submission_id, (None, None))
            lacking = list(about.lacking(submission_id, event, entry))
            if not lacking:
                continue
            tally.open += 1
            if len(tally.opened) < OPENED_MOST:
                tally.opened[submission_id] = about.begins(entry)
            age = about.age(entry)
            tally.oldest_seconds = max(tally.oldest_seconds, age)
            for finding, durable, cause in lacking:
                waits = durable is not None and cause > reached[durable.name]
                if age < self.grace_seconds:
                    continue
                kind: Kind = "stuck" if waits or finding.kind == "stuck" else finding.kind
                yield Finding(
                    kind, finding.store, submission_id, finding.what,
                    owes="" if waits or durable is None else durable.name, subject=finding.subject, age_seconds=age,
                )  # fmt: skip

    async def _rows(self, low: int, high: int) -> tuple[dict[int, asyncpg.Record], dict[str, asyncpg.Record]]:
        with postgres_errors():
            steps = await self.pool.fetch(
                "select sequence, submission_id, type from journey where sequence between $1 and $2", low, high
            )
            rows = await self.pool.fetch(
                "select id, sequence, held from contact_submissions where sequence between $1 and $2", low, high
            )
        return {row["sequence"]: row for row in steps}, {row["id"]: row for row in rows}

    async def _erased(self, ids: set[str]) -> set[str]:
        with postgres_errors():
            rows = await self.pool.fetch("select submission_id from erasures where submission_id = any($1)", list(ids))
        return {row["submission_id"] for row in rows}

    async def _known(self, ids: Sequence[str]) -> dict[str, Known]:
        """Everything the record has of the submissions."""
        found: dict[str, Known] = defaultdict(Known)
        with postgres_errors():
            for row in await self.pool.fetch(
                "select submission_id, sequence, type, document_id, target, time from journey "
                "where submission_id = any($1) order by sequence",
                list(ids),
            ):
                found[row["submission_id"]].take_step(row)
            for row in await self.pool.fetch(
                "select s.id as submission_id, s.held, s.created_at, d.id, d.number, d.object_key, t.status, "
                "t.preview_generation, t.details -> 'found' as found "
                "from contact_submissions s left join documents d on d.submission_id = s.id "
                "left join document_states t on t.document_id = d.id where s.id = any($1)",
                list(ids),
            ):
                found[row["submission_id"]].take_row(row)
            for row in await self.pool.fetch(
                "select submission_id, target, state, started_at from sent_mails where submission_id = any($1)",
                list(ids),
            ):
                found[row["submission_id"]].mails[row["target"]] = row
        return found


def _journal(
    opened: Mapping[int, tuple[Entry, Event]],
    steps: Mapping[int, asyncpg.Record],
    begins: int,
    reached: int,
    erased: Collection[str],
) -> Iterator[Finding]:
    """Events that the journey does not have, and steps of the journey that the stream does not have any more."""
    for sequence, (entry, event) in opened.items():
        ours = event.submission_id not in erased or isinstance(event, ERASURE)
        if ours and sequence not in steps and sequence <= reached:
            what = f"journey row {event.type}"
            yield Finding("missing", "postgres", event.submission_id, what, STORAGE_JOURNEY.name, entry.subject)
    for sequence, step in steps.items():
        if sequence >= begins and sequence not in opened and step["submission_id"] not in erased:
            yield Finding("missing", "stream", step["submission_id"], f"{step['type']} at {sequence}")
