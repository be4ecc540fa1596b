"""The record in SQL: submissions and documents as they were sent; repeating a write changes nothing."""

from collections.abc import Sequence

from libs.events.catalogue import MESSAGE, SubmissionCreated, document_id
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


async def insert(pool: Pool, received: Sequence[Received[SubmissionCreated]]) -> None:
    """Record the submissions and all their documents in one transaction. Raises Transient when PostgreSQL is away."""
    submissions = [submission_row(one) for one in received]
    documents = [row for r in received for row in document_rows(r.event)]
    with postgres_errors(), statement("insert submissions"):
        async with pool.acquire(timeout=5) as connection, connection.transaction():
            await connection.execute(INSERT_SUBMISSIONS, *_columns(submissions))
            await connection.execute(INSERT_DOCUMENTS, *_columns(documents))


def submission_row(one: Received[SubmissionCreated]) -> tuple[object, ...]:
    """The row of `contact_submissions`, without the time of recording."""
    e = one.event
    known = (e.submission_id, e.form, e.name, e.email, e.subject_line, e.message, e.metadata, e.held, e.created_at)
    return (*known, one.sequence)


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


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]
