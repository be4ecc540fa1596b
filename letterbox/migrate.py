"""`letterbox migrate`: bring the database schema up to date."""

import argparse
import asyncio
import os

from pydantic import SecretStr

from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.state import read_state
from letterbox.preparation import DATABASE
from libs.postgres.pool import postgres_pool
from libs.service.settings import PostgresSettings
from services.storage.migrate import migrate


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    parser.description = (
        "Runs the migrations that have not run yet. storage does the same when it starts. Uses LETTERBOX_POSTGRES_DSN "
        "and LETTERBOX_POSTGRES_PASSWORD when they are set, otherwise the local stack."
    )


def run(_arguments: argparse.Namespace) -> int:
    """Migrate, and say what was done."""
    done = asyncio.run(_migrate(postgres_settings("storage")))
    print("\n".join(f"ran {name}" for name in done) or "Nothing to do: the schema is up to date.")
    return 0


def postgres_settings(role: str) -> PostgresSettings:
    """How to reach PostgreSQL as `role`: by the environment, or in the local stack. Raises CannotStart."""
    if "LETTERBOX_POSTGRES_DSN" in os.environ:
        return PostgresSettings()
    home = Home.from_environment()
    state = read_state(home)
    if state is None or "postgres" not in state.parts:
        raise CannotStart("Letterbox is not running here, and LETTERBOX_POSTGRES_DSN is not set.")
    address = state.parts["postgres"].address.removeprefix("postgresql://").removesuffix(f"/{DATABASE}")
    password = home.secret(f"postgres-{role}").read_text(encoding="utf-8")
    return PostgresSettings(
        postgres_dsn=f"postgresql://{role}@{address}/{DATABASE}", postgres_password=SecretStr(password)
    )


async def _migrate(settings: PostgresSettings) -> list[str]:
    async with postgres_pool(settings, most=1) as pool:
        return await migrate(pool)
