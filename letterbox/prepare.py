"""`letterbox prepare`: make on the servers what the services find there."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path

from pydantic import Field, SecretStr

from letterbox.index_keys import prepare_keys
from letterbox.preparation import DATABASE, OWNER, ROLES, prepare_bucket, prepare_roles
from letterbox.provision import ProvisionSettings
from libs.events.connect import connected
from libs.events.streams import provision
from libs.postgres.pool import postgres_pool
from libs.service.settings import EnvironmentSettings, IndexSettings, ObjectSettings, PostgresSettings, load
from services.storage.migrate import migrate


class RoleSettings(EnvironmentSettings):
    """PostgreSQL's first user, and the passwords its roles shall have."""

    postgres_server: str = Field(description="`postgresql://user@host:port` of a user that may create roles.")
    postgres_password: SecretStr = Field(description="That user's password.")
    secrets_path: Path = Field(default=Path("/run/secrets"), description="Folder with a file `postgres-<role>` each.")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which servers."""
    parser.description = (
        "Creates what the services need: roles, database and schema; streams and durables; the bucket; the search "
        "engine's keys. Doing it again changes nothing but passwords that are new. Settings: docs/settings.md."
    )
    parser.add_argument("parts", nargs="+", choices=tuple(PARTS), help="what to prepare")


def run(arguments: argparse.Namespace) -> int:
    """Prepare the parts, in the order they are named."""
    for part in arguments.parts:
        asyncio.run(PARTS[part]())
        print(f"{part} is prepared.", flush=True)
    return 0


async def _postgres() -> None:
    settings = load(RoleSettings)
    passwords = {
        role: (settings.secrets_path / f"postgres-{role}").read_text(encoding="utf-8").strip() for role in ROLES
    }
    await prepare_roles(settings.postgres_server, settings.postgres_password.get_secret_value(), passwords)
    address = settings.postgres_server.rpartition("@")[2]
    owner = PostgresSettings(
        postgres_dsn=f"postgresql://{OWNER}@{address}/{DATABASE}", postgres_password=SecretStr(passwords[OWNER])
    )
    async with postgres_pool(owner, most=1) as pool:
        await migrate(pool)


async def _nats() -> None:
    settings = load(ProvisionSettings)
    async with connected(settings) as nc:
        await provision(nc, settings.nats_max_age_seconds, settings.nats_replicas)


async def _objects() -> None:
    await prepare_bucket(load(ObjectSettings))


async def _index() -> None:
    settings = load(IndexSettings)
    if settings.index == "meilisearch" and settings.meilisearch_key is not None:
        await prepare_keys(settings.meilisearch_url, settings.meilisearch_key.get_secret_value())


PARTS: dict[str, Callable[[], Coroutine[None, None, None]]] = {
    "postgres": _postgres,
    "nats": _nats,
    "objects": _objects,
    "index": _index,
}
