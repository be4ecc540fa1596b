"""The journey table and each document's state, both folded from events in whatever order they arrive."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from libs.events.catalogue import (
    MESSAGE,
    DocumentEvent,
    DocumentExtracted,
    DocumentFailed,
    DocumentIndexed,
    DocumentPreviewed,
    DocumentStored,
    DocumentTagged,
    Event,
    NotificationFailed,
    NotificationSent,
    ScanOutcome,
)
from libs.events.delivery import Received
from libs.postgres.pool import Pool, postgres_errors, statement
from services.storage import tags

RANKS: dict[type[DocumentEvent], tuple[int, str]] = {
    DocumentStored: (1, "stored"),
    DocumentExtracted: (2, "extracted"),
    DocumentTagged: (2, "extracted"),
    DocumentIndexed: (3, "indexed"),
    DocumentFailed: (4, "failed"),
}
"""Within a generation a status only moves up; `failed` is final."""

INSERT_STEPS = """
insert into journey (sequence, submission_id, type, document_id, target, reason, time)
select * from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
on conflict (sequence) do nothing
"""

MERGE_STATES = """
insert into document_states as s
    (document_id, submission_id, generation, rank, status, reason, details_generation, details, scan_generation, scan,
     preview_generation, preview_pages, preview_width, preview_height)
select * from unnest(
    $1::text[], $2::text[], $3::int[], $4::smallint[], $5::text[], $6::text[], $7::int[], $8::jsonb[],
    $9::int[], $10::text[], $11::int[], $12::int[], $13::int[], $14::int[])
on conflict (document_id) do update set
    generation = greatest(s.generation, excluded.generation),
    rank = case when (excluded.generation, excluded.rank) > (s.generation, s.rank) then excluded.rank else s.rank end,
    status = case when (excluded.generation, excluded.rank) > (s.generation, s.rank)
             then excluded.status else s.status end,
    reason = case when (excluded.generation, excluded.rank) > (s.generation, s.rank)
             then excluded.reason else s.reason end,
    details_generation = greatest(s.details_generation, excluded.details_generation),
    details = case when excluded.details_generation > s.details_generation then excluded.details else s.details end,
    scan_generation = greatest(s.scan_generation, excluded.scan_generation),
    scan = case
        when (excluded.scan_generation, array_position(array['', 'clean', 'too large', 'infected'], excluded.scan))
             > (s.scan_generation, array_position(array['', 'clean', 'too large', 'infected'], s.scan))
        then excluded.scan else s.scan end,
    preview_generation = greatest(s.preview_generation, excluded.preview_generation),
    preview_pages = case when excluded.preview_generation > s.preview_generation
                    then excluded.preview_pages else s.preview_pages end,
    preview_width = case when excluded.preview_generation > s.preview_generation
                    then excluded.preview_width else s.preview_width end,
    preview_height = case when excluded.preview_generation > s.preview_generation
                     then excluded.preview_height else s.preview_height end
"""

SCANS: tuple[ScanOutcome, ...] = ("", "clean", "too large", "infected")
"""Of two scans within one generation the worse one counts."""


@dataclass(slots=True)
class State:
    """What a batch of events says of one document, folded."""

    document_id: str
    submission_id: str
    generation: int = 0
    rank: int = 0
    status: str = "stored"
    reason: str | None = None
    details_generation: int = 0
    details: dict[str, object] = field(default_factory=dict)
    scan_generation: int = 0
    scan: ScanOutcome = ""
    preview_generation: int = 0
    preview: tuple[int, int, int] = (0, 0, 0)
    """Pages with a picture; width and height of the first one."""

    @property
    def row(self) -> tuple[object, ...]:
        """The row of `document_states`."""
        state = (self.generation, self.rank, self.status, self.reason)
        details = (self.details_generation, self.details)
        scan, preview = (self.scan_generation, self.scan), (self.preview_generation, *self.preview)
        return (self.document_id, self.submission_id, *state, *details, *scan, *preview)

    def fold(self, event: DocumentEvent) -> None:
        """Take `event` in; the outcome is the same in any order."""
        if isinstance(event, DocumentPreviewed):
            if event.generation > self.preview_generation:
                self.preview_generation = event.generation
                self.preview = (event.pages, event.width, event.height)
            return
        rank, status = RANKS[type(event)]
        if (event.generation, rank) > (self.generation, self.rank):
            self.generation, self.rank, self.status = event.generation, rank, status
            self.reason = event.message if isinstance(event, DocumentFailed) else None
        # A message is not extracted; what describes it came to its `document.indexed` later, with the rules' version.
        describes = isinstance(event, DocumentExtracted) or (
            isinstance(event, DocumentIndexed) and event.number == MESSAGE and event.rules != ""
        )
        if describes and event.generation > self.details_generation:
            self.details_generation = event.generation
            self.details = event.model_dump(mode="json", exclude={"submission_id", "number", "generation", "scan"})
        if isinstance(event, DocumentExtracted | DocumentFailed) and event.scan:
            known = (self.scan_generation, SCANS.index(self.scan))
            if (event.generation, SCANS.index(event.scan)) > known:
                self.scan_generation, self.scan = event.generation, event.scan


async def write(pool: Pool, received: Sequence[Received[Event]]) -> None:
    """Write the steps and states of a batch in one transaction. Raises Transient when PostgreSQL is away."""
    steps = [step_row(one) for one in received]
    states = list(folded(received).values())
    with postgres_errors(), statement("write journey"):
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            await connection.execute(INSERT_STEPS, *map(list, zip(*steps, strict=True)))
            if states:
                rows = [state.row for state in sorted(states, key=lambda state: state.document_id)]
                await connection.execute(MERGE_STATES, *map(list, zip(*rows, strict=True)))
                await tags.write(connection, received)


def step_row(one: Received[Event]) -> tuple[object, ...]:
    """The row of `journey`."""
    event = one.event
    document = event.document_id if isinstance(event, DocumentEvent) else None
    target = event.target if isinstance(event, NotificationSent | NotificationFailed) else None
    reason = event.message if isinstance(event, DocumentFailed | NotificationFailed) else None
    return (one.sequence, event.submission_id, event.type, document, target, reason, one.time)


def folded(received: Sequence[Received[Event]]) -> dict[str, State]:
    """What a batch says of each document, by its id."""
    states: dict[str, State] = {}
    for one in received:
        event = one.event
        if isinstance(event, DocumentEvent) and type(event) in (*RANKS, DocumentPreviewed):
            state = states.setdefault(event.document_id, State(event.document_id, event.submission_id))
            state.fold(event)
    return states
