"""The operator's own access to NATS, PostgreSQL, objects and index: by the environment, or in the local stack."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.objects import REGION, access_key
from letterbox.local.state import State, read_state
from letterbox.migrate import postgres_settings
from libs.events.connect import Nats, connected
from libs.index.choose import search_index
from libs.index.protocol import SearchIndex
from libs.objects.store import ObjectStore, object_store
from libs.postgres.pool import Pool, postgres_pool
from libs.service.settings import IndexSettings, NatsSettings, ObjectSettings, load

USER = "operator"


@asynccontextmanager
async def operators_nats() -> AsyncIterator[Nats]:
    """A connection as the user `operator`. Raises CannotStart when nothing runs here."""
    if "LETTERBOX_NATS_URL" in os.environ:
        settings = load(NatsSettings)
    else:
        home, state = _running()
        settings = NatsSettings(
            nats_url=state.parts["nats"].address,
            nats_user=USER,
            nats_password=SecretStr(home.secret("nats-operator").read_text(encoding="utf-8")),
        )
    async with connected(settings) as nc:
        yield nc


@asynccontextmanager
async def operators_postgres(most: int = 4) -> AsyncIterator[Pool]:
    """A pool as the role that owns the schema."""
    async with postgres_pool(postgres_settings("storage"), most=most, timeout=120) as pool:
        yield pool


@asynccontextmanager
async def operators_objects() -> AsyncIterator[ObjectStore]:
    """The bucket, with the operator's key."""
    if "LETTERBOX_S3_ACCESS_KEY" in os.environ:
        settings = load(ObjectSettings)
    else:
        home, state = _running()
        settings = ObjectSettings(
            s3_endpoint_url=state.parts["object-store"].address,
            s3_region=REGION,
            s3_access_key=access_key(USER),
            s3_secret_key=SecretStr(home.secret("s3-operator").read_text(encoding="utf-8")),
        )
    async with object_store(settings) as objects:
        yield objects


@asynccontextmanager
async def operators_index() -> AsyncIterator[SearchIndex]:
    """The search index, for reading."""
    async with search_index(index_settings()) as index:
        yield index


def index_settings() -> IndexSettings:
    """Which search index there is."""
    if "LETTERBOX_INDEX" in os.environ or "LETTERBOX_INDEX_PATH" in os.environ:
        return load(IndexSettings)
    return IndexSettings(index_path=Path(Home.from_environment().path) / "index")


def _running() -> tuple[Home, State]:
    home = Home.from_environment()
    state = read_state(home)
    if state is None:
        raise CannotStart(
            "Letterbox is not running here. Start it with `make up`, or set LETTERBOX_NATS_URL and so on."
        )
    return home, state
