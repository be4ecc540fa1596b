"""The record in SQL: submissions and documents as they were sent; repeating a write changes nothing."""

from collections.abc import Mapping, Sequence

from libs.events.catalogue import MESSAGE, DocumentFound, SubmissionCreated, document_id
from libs.events.delivery import Received
from libs.postgres.pool import Pool, postgres_errors, statement

INSERT_SUBMISSIONS = """
insert into contact_submissions
    (id, form, name, email, subject_line, message, metadata, held, created_at, sequence)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
    $9::timestamptz[], $10::bigint[])
on conflict (id) do nothing
"""

INSERT_DOCUMENTS = """
insert into documents
    (id, submission_id, number, object_key, filename, content_type, size, sha256, created_at)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[],
    $9::timestamptz[])
on conflict (id) do nothing
"""

INSERT_FOUND = """
insert into documents as d
    (id, submission_id, number, object_key, filename, content_type, size, sha256, created_at)
select f.*, s.created_at
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::text[])
    as f (id, submission_id, number, object_key, filename, content_type, size, sha256)
left join contact_submissions s on s.id = f.submission_id
on conflict (id) do update set filename = excluded.filename where d.filename = ''
"""
"""Its submission was recorded before it; a row without one is refused. A name that was missing is filled in."""


async def insert(
    pool: Pool, received: Sequence[Received[SubmissionCreated | DocumentFound]], names: Mapping[str, str]
) -> None:
    """Record submissions with their documents, and found documents with their `names` by key, in one transaction.

    Raises Transient when PostgreSQL is away.
    """
    created = [(one.event, one.sequence) for one in received if isinstance(one.event, SubmissionCreated)]
    documents = [row for event, _ in created for row in document_rows(event)]
    events = {one.event.document_id: one.event for one in received if isinstance(one.event, DocumentFound)}
    found = [found_row(event, names) for event in events.values()]
    with postgres_errors(), statement("insert submissions"):
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            if created:
                submissions = [submission_row(event, sequence) for event, sequence in created]
                await connection.execute(INSERT_SUBMISSIONS, *_columns(submissions))
                await connection.execute(INSERT_DOCUMENTS, *_columns(documents))
            if found:
                await connection.execute(INSERT_FOUND, *_columns(found))


def submission_row(e: SubmissionCreated, sequence: int) -> tuple[object, ...]:
    """The row of `contact_submissions`, without the time of recording."""
    known = (e.submission_id, e.form, e.name, e.email, e.subject_line, e.message, e.metadata, e.held, e.created_at)
    return (*known, sequence)


def document_rows(event: SubmissionCreated) -> list[tuple[object, ...]]:
    """A row for the message itself (number 0), and one for each file."""
    sid, size = event.submission_id, len(event.message.encode())
    message = (document_id(sid, MESSAGE), sid, MESSAGE, None, "message", "text/plain", size, None, event.created_at)
    files = [
        (
            document_id(sid, a.number),
            sid,
            a.number,
            a.object_key,
            a.filename,
            a.content_type,
            a.size,
            a.sha256,
            event.created_at,
        )
        for a in event.attachments
    ]
    return [message, *files]


def found_row(event: DocumentFound, names: Mapping[str, str]) -> tuple[object, ...]:
    """The row of a found document, without the time its submission was sent."""
    place = (event.document_id, event.submission_id, event.number, event.object_key)
    return (*place, names[event.object_key], event.content_type, event.size, event.sha256)


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
