"""A pool of connections as one role, which opens them when they are needed: the service starts without PostgreSQL."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TypeAlias

import asyncpg
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from libs.events.errors import Transient
from libs.service.settings import PostgresSettings

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

_tracer = trace.get_tracer("letterbox.postgres")

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InternalClientError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.UndefinedTableError,  # storage has not migrated yet
)
"""Errors that pass by themselves, or by the operator's hand; never the fault of what is being stored."""


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Raise Transient for what means that PostgreSQL is away; everything else passes through."""
    try:
        yield
    except AWAY as error:
        raise Transient("postgres", type(error).__name__) from error


@contextmanager
def statement(name: str) -> Iterator[None]:
    """A client span around one statement or transaction, where the work at hand is being traced."""
    if not trace.get_current_span().get_span_context().trace_flags.sampled:
        yield
        return
    with _tracer.start_as_current_span(
        name, kind=SpanKind.CLIENT, attributes={"db.system.name": "postgresql"}, record_exception=False
    ):
        yield


@asynccontextmanager
async def postgres_pool(settings: PostgresSettings, *, most: int = 4, timeout: float = 30.0) -> AsyncIterator[Pool]:
    """Up to `most` connections; a statement may take `timeout` seconds. JSON columns are Python values."""
    pool = await asyncpg.create_pool(
        settings.postgres_dsn,
        password=settings.postgres_password.get_secret_value(),
        min_size=0,
        max_size=most,
        timeout=3,
        command_timeout=timeout,
        init=_json,
        reset=_leave_as_it_is,
    )
    try:
        yield pool
    finally:
        pool.terminate()


async def _json(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    await connection.set_type_codec("jsonb", encoder=json.dumps, decoder=json.loads, schema="pg_catalog")


async def _leave_as_it_is(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Nothing here changes a session's state, so giving a connection back needs no round trip."""


async def check(pool: Pool) -> None:
    """Raise Transient unless PostgreSQL answers."""
    with postgres_errors():
        async with pool.acquire(timeout=2) as connection:
            await connection.execute("select 1", timeout=2)
