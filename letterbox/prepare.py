"""`letterbox prepare`: make on the servers what the services find there, or check who may do what on them."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

import asyncpg
from pydantic import Field, SecretStr

from letterbox.index_keys import prepare_keys
from letterbox.preparation import DATABASE, ROLES, SCHEMA_OWNER, prepare_bucket, prepare_roles
from letterbox.provision import ProvisionSettings
from letterbox.rights_check import check_index, check_nats, check_objects, check_postgres
from libs.events.connect import connected
from libs.events.streams import provision
from libs.postgres.pool import postgres_pool
from libs.service.settings import EnvironmentSettings, IndexSettings, ObjectSettings, PostgresSettings, load
from services.storage.grants import take_back
from services.storage.migrate import LOCK, migrate


class SecretSettings(EnvironmentSettings):
    """Where the identities' passwords and keys are."""

    secrets_path: Path = Field(
        default=Path("/run/secrets"),
        description="Folder with a file `postgres-<role>` each; for `--check` also `nats-<user>` and `s3-<identity>`.",
    )

    def secret(self, name: str) -> str:
        """One of them."""
        return (self.secrets_path / name).read_text(encoding="utf-8").strip()


class RoleSettings(SecretSettings):
    """PostgreSQL's first user, and the passwords its roles shall have."""

    postgres_server: str = Field(description="`postgresql://user@host:port` of a user that may create roles.")
    postgres_password: SecretStr = Field(description="That user's password.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which servers."""
    parser.description = (
        "Creates what the services need: roles, database, schema and grants; streams and durables; the bucket; the "
        "search engine's keys. Doing it again changes nothing but passwords that are new and rights that deploy/"
        "rights.toml does not give. Settings: docs/settings.md."
    )
    parser.add_argument("parts", nargs="+", choices=tuple(PARTS), help="what to prepare")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; say which rights differ from the table (then exit 1)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prepare the parts, in the order they are named, or check them."""
    if arguments.check:
        return _check(arguments.parts)
    for part in arguments.parts:
        asyncio.run(PARTS[part]())
        print(f"{part} is prepared.", flush=True)
    return 0


def _check(parts: list[str]) -> int:
    found = [difference for part in parts for difference in asyncio.run(CHECKS[part]())]
    print("\n".join(found) or f"Rights are those of the table: {', '.join(parts)}.")
    return 1 if found else 0


async def _postgres() -> None:
    settings = load(RoleSettings)
    passwords = {role: settings.secret(f"postgres-{role}") for role in ROLES}
    await prepare_roles(settings.postgres_server, settings.postgres_password.get_secret_value(), passwords)
    address = settings.postgres_server.rpartition("@")[2]
    owner = PostgresSettings(
        postgres_dsn=f"postgresql://{SCHEMA_OWNER}@{address}/{DATABASE}",
        postgres_password=SecretStr(passwords[SCHEMA_OWNER]),
    )
    async with postgres_pool(owner, most=1) as pool:
        await migrate(pool)
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", LOCK)
            await take_back(connection)


async def _check_postgres() -> list[str]:
    settings = load(RoleSettings)
    connection = await asyncpg.connect(
        f"{settings.postgres_server}/{DATABASE}", password=settings.postgres_password.get_secret_value()
    )
    try:
        return await check_postgres(connection)
    finally:
        await connection.close()


async def _nats() -> None:
    settings = load(ProvisionSettings)
    async with connected(settings) as nc:
        await provision(nc, settings.nats_max_age_seconds, settings.nats_replicas)


async def _check_nats() -> list[str]:
    return await check_nats(load(ProvisionSettings).nats_url, load(SecretSettings).secret)


async def _objects() -> None:
    await prepare_bucket(load(ObjectSettings))


async def _check_objects() -> list[str]:
    return await check_objects(load(ObjectSettings), load(SecretSettings).secret)


async def _index() -> None:
    settings = load(IndexSettings)
    if settings.index == "meilisearch" and settings.meilisearch_key is not None:
        await prepare_keys(settings.meilisearch_url, settings.meilisearch_key.get_secret_value())


async def _check_index() -> list[str]:
    settings = load(IndexSettings)
    if settings.index != "meilisearch" or settings.meilisearch_key is None:
        return []
    return await check_index(settings.meilisearch_url, settings.meilisearch_key.get_secret_value())


PARTS: dict[str, Callable[[], Coroutine[None, None, None]]] = {
    "postgres": _postgres,
    "nats": _nats,
    "objects": _objects,
    "index": _index,
}
CHECKS: dict[str, Callable[[], Coroutine[None, None, list[str]]]] = {
    "postgres": _check_postgres,
    "nats": _check_nats,
    "objects": _check_objects,
    "index": _check_index,
}
