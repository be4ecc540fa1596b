"""Migrations: numbered SQL files, forward only, each run once in a transaction of its own, under an advisory lock."""

import asyncio
import logging
from pathlib import Path

import asyncpg

from libs.postgres.pool import Pool
from services.storage.grants import grant

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"
LOCK = 0x6C657474
"""Advisory lock that lets one instance migrate while the others wait."""
AGAIN_SECONDS = 1.0


async def migrate(pool: Pool) -> list[str]:
    """Run every migration that was not run yet, then grant what the table gives; returns the migrations' names.

    Raises PostgreSQL's own errors.
    """
    done: list[str] = []
    async with pool.acquire() as connection:
        await connection.execute("select pg_advisory_lock($1)", LOCK, timeout=120)
        try:
            await connection.execute(
                "create table if not exists schema_migrations "
                "(name text primary key, applied_at timestamptz not null default now())"
            )
            rows = await connection.fetch("select name from schema_migrations")
            applied = {row["name"] for row in rows}
            for file in sorted(FOLDER.glob("[0-9]*.sql")):
                if file.stem in applied:
                    continue
                async with connection.transaction():
                    await connection.execute(file.read_text(encoding="utf-8"), timeout=600)
                    await connection.execute("insert into schema_migrations (name) values ($1)", file.stem)
                done.append(file.stem)
                log.info("migrated", extra={"migration": file.stem})
            await grant(connection)
        finally:
            await connection.execute("select pg_advisory_unlock($1)", LOCK)
    return done


async def migrate_when_there(pool: Pool) -> None:
    """Migrate as soon as PostgreSQL answers, however long that takes; readiness says what is missing meanwhile."""
    while True:
        try:
            await migrate(pool)
        except (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError) as error:
            log.warning("waiting for PostgreSQL", extra={"error": type(error).__name__})
        except asyncpg.CannotConnectNowError:
            log.warning("waiting for PostgreSQL to start")
        else:
            return
        await asyncio.sleep(AGAIN_SECONDS)
