"""A pool of connections as one role, which opens them when they are needed: the service starts without PostgreSQL."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import TypeAlias

import asyncpg
from opentelemetry.trace import SpanKind
from prometheus_client import Counter, Gauge, Histogram

from libs.events.errors import Transient
from libs.service.settings import PostgresSettings
from libs.service.tracing import span

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

CONNECTIONS = Gauge("postgres_pool_connections", "Connections of the pool: `busy` or `idle`.", ["state"])
MOST_CONNECTIONS = Gauge("postgres_pool_max_connections", "Connections that the pool may open.")
STATEMENT_SECONDS = Histogram(
    "postgres_statement_seconds",
    "Time a statement or transaction took, waiting for a connection included.",
    ["statement"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
FAILURES = Counter("postgres_failures_total", "Statements that failed because PostgreSQL was away.", ["error"])

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
        FAILURES.labels(type(error).__name__).inc()
        raise Transient("postgres", type(error).__name__) from error


@contextmanager
def statement(name: str) -> Iterator[None]:
    """A measure of one statement or transaction, and a client span where the work at hand is being traced."""
    began = time.perf_counter()
    try:
        with span(name, SpanKind.CLIENT, {"db.system.name": "postgresql"}):
            yield
    finally:
        _seconds_of(name).observe(time.perf_counter() - began)


@lru_cache(maxsize=64)
def _seconds_of(name: str) -> Histogram:
    return STATEMENT_SECONDS.labels(name)


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
    CONNECTIONS.labels("idle").set_function(pool.get_idle_size)
    CONNECTIONS.labels("busy").set_function(lambda: pool.get_size() - pool.get_idle_size())
    MOST_CONNECTIONS.set(most)
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
