"""A stack that is backed up, and what of it must be the same in any other that it was restored to."""

import json
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from letterbox.local.home import Home
from letterbox.local.stack import LocalStack
from tests.support.command import Done, at_home
from tests.support.search_servers import postgres_as
from tests.support.visitor import RATES_OFF, Visitor, visiting

TABLES = {
    "contact_submissions": "to_jsonb(t) - 'recorded_at'",
    "documents": "to_jsonb(t)",
    "document_states": "to_jsonb(t)",
    "journey": "to_jsonb(t)",
    "sent_mails": "jsonb_build_array(submission_id, target, state)",
    "erasures": "jsonb_build_array(submission_id, reason, tombstone_sequence, final_at is not null)",
}
"""What of each table's rows has to be the same; when the ledger's rows were written is what they were rebuilt for."""


@asynccontextmanager
async def temporary_folder() -> AsyncIterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="letterbox-test-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[Visitor]:
    """A visitor of the stack that is started in `home`."""
    async with LocalStack(Home(home), environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


async def ok(home: Path, *arguments: str, **environment: str) -> Done:
    """A command that succeeds."""
    done = await at_home(home, *arguments, **environment)
    assert done.status == 0, done.out + done.err
    return done


async def rows(visitor: Visitor) -> dict[str, list[Any]]:
    """The whole record, in order."""
    settings = postgres_as(visitor.stack, "storage", visitor.stack.ports["postgres"])
    connection = await asyncpg.connect(settings.postgres_dsn, password=settings.postgres_password.get_secret_value())
    try:
        return {
            table: [
                json.loads(row["row"])
                for row in await connection.fetch(f"select {of} as row from {table} t order by 1")
            ]
            for table, of in TABLES.items()
        }
    finally:
        await connection.close()


async def objects(visitor: Visitor) -> dict[str, bytes]:
    """Every object's bytes, but the pictures, of which the names are enough."""
    keys = [key async for key, _, _ in visitor.objects.keys("")]
    return {key: b"" if key.startswith("preview/") else await visitor.objects.read(key, 1 << 24) for key in keys}


async def answers(visitor: Visitor, *queries: str) -> dict[str, list[Any]]:
    """What the owner finds, with its highlights."""
    found = {query: await visitor.found(query) for query in queries}
    return {
        query: sorted(
            ({name: value for name, value in hit.items() if name != "score"} for hit in hits),
            key=lambda hit: str(hit["document_id"]),
        )
        for query, hits in found.items()
    }


def mails(home: Path) -> list[str]:
    """The mails that were caught in `home`."""
    return sorted(file.name for file in (home / "mail").glob("[0-9]*.eml"))
