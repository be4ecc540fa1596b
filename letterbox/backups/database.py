"""The database, by PostgreSQL's own programs: a dump in the custom format, and the roles without their passwords."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

from letterbox.backups.manifest import Manifest, Unusable
from letterbox.backups.sealed import SUFFIX, Key
from letterbox.local.postgres import server_program
from libs.postgres.pool import Connection, Pool, postgres_errors
from libs.service.settings import PostgresSettings
from services.storage.migrate import FOLDER

DUMP, ROLES = f"database.dump{SUFFIX}", f"roles.sql{SUFFIX}"
EMPTY = ("contact_submissions", "documents", "journey", "erasures", "sent_mails")
"""Tables that a database without submissions has nothing in."""
TABLES = "select relname from pg_stat_user_tables where schemaname = 'public' order by relname"


async def dump(pool: Pool, settings: PostgresSettings, folder: Path, key: Key, manifest: Manifest) -> None:
    """Dump everything of one moment, and count it at the same moment."""
    async with _snapshot(pool) as (connection, snapshot):
        manifest.versions["postgres"] = str(await connection.fetchval("show server_version"))
        manifest.schema = [
            r["name"] for r in await connection.fetch("select name from schema_migrations order by name")
        ]
        for row in await connection.fetch(TABLES):
            manifest.rows[row["relname"]] = await connection.fetchval(f'select count(*) from "{row["relname"]}"')  # noqa: S608
        what = ["--format=custom", "--no-owner", f"--snapshot={snapshot}"]
        await asyncio.to_thread(_write, "pg_dump", what, settings, folder / DUMP, key)
    roles = ["--globals-only", "--no-role-passwords", f"--database={_database(settings)}"]
    await asyncio.to_thread(_write, "pg_dumpall", roles, settings, folder / ROLES, key)


async def put_back(pool: Pool, settings: PostgresSettings, folder: Path, key: Key) -> None:
    """Make the database what it was. Raises Unusable when the dump is not whole; then it is empty."""
    await drop_everything(pool)
    await asyncio.to_thread(_read, settings, folder / DUMP, key)


async def drop_everything(pool: Pool) -> None:
    """Remove every table and view of the schema, which belong to the role that asks."""
    with postgres_errors():
        for row in await pool.fetch("select tablename from pg_tables where schemaname = 'public'"):
            await pool.execute(f'drop table if exists public."{row["tablename"]}" cascade')


async def has_rows(pool: Pool) -> list[str]:
    """The tables that have something in them, of those that an empty installation has nothing in."""
    found = []
    for table in EMPTY:
        if await pool.fetchval("select to_regclass($1)", table) is None:
            continue
        if await pool.fetchval(f"select exists(select 1 from {table})"):  # noqa: S608 - our own names
            found.append(table)
    return found


def unknown_migrations(manifest: Manifest) -> list[str]:
    """Migrations of a backup that this version does not have: it was made by a newer one."""
    ours = {file.stem for file in FOLDER.glob("[0-9]*.sql")}
    return [name for name in manifest.schema if name not in ours]


@asynccontextmanager
async def _snapshot(pool: Pool) -> AsyncIterator[tuple[Connection, str]]:
    with postgres_errors():
        async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection, str(await connection.fetchval("select pg_export_snapshot()"))


def _write(program: str, options: Sequence[str], settings: PostgresSettings, path: Path, key: Key) -> None:
    with key.writing(path) as out:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [server_program(program), *_where(program, settings), *options],
            stdout=out, stderr=subprocess.PIPE, env=_environment(settings), check=False,
        )  # fmt: skip
    if done.returncode:
        raise Unusable(f"{program} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")


def _read(settings: PostgresSettings, path: Path, key: Key) -> None:
    options = ["--dbname", _database(settings), "--no-owner", "--single-transaction", "--exit-on-error"]
    with key.reading(path) as source:
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
            [server_program("pg_restore"), *_where("pg_restore", settings), *options],
            stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(settings), check=False,
        )  # fmt: skip
    if done.returncode:
        raise Unusable(f"pg_restore failed: {done.stderr.decode(errors='replace').strip()[-500:]}")


def _where(program: str, settings: PostgresSettings) -> list[str]:
    address = urlsplit(settings.postgres_dsn)
    where = [f"--host={address.hostname}", f"--port={address.port or 5432}", f"--username={address.username}"]
    return where if program in ("pg_restore", "pg_dumpall") else [*where, f"--dbname={_database(settings)}"]


def _database(settings: PostgresSettings) -> str:
    return urlsplit(settings.postgres_dsn).path.lstrip("/")


def _environment(settings: PostgresSettings) -> dict[str, str]:
    return {"PGPASSWORD": settings.postgres_password.get_secret_value(), "LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"}
