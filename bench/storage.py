"""storage working off a backlog, against a bare script that does the same three steps."""

import time

import nats

from bench.backlog import fill
from bench.measure import ROUNDS, Row, output_of, stack_for, until
from letterbox.local.stack import LocalStack
from libs.events.streams import STREAM
from libs.postgres.pool import postgres_pool
from libs.service.settings import PostgresSettings
from services.storage.migrate import migrate

COUNT = 20_000
SERVERS = ("nats", "postgres", "object-store")


async def run(*, quick: bool) -> list[Row]:
    """The row."""
    count = COUNT // 10 if quick else COUNT
    ours, baseline = [], []
    for _ in range(1 if quick else ROUNDS):
        async with stack_for(SERVERS) as stack:
            await migrated(stack)
            await fill(stack, count)
            dsn, secret = _dsn(stack), stack.password("storage")
            other = [stack.address("nats"), stack.secret("nats-storage"), dsn, secret, str(count)]
            baseline.append(float(await output_of("bench.baseline_storage", *other)))
        async with stack_for(SERVERS) as stack:
            await migrated(stack)
            await fill(stack, count)
            ours.append(await drained(stack, count))
    return [Row.at_least("storage, backlog of 20,000", ours, baseline, 0.6, "submissions/s")]


async def drained(stack: LocalStack, count: int) -> float:
    """Start the real service on a backlog of `count`; submissions per second from its first to its last."""
    operator = await nats.connect(
        stack.address("nats"), user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
    )
    manager = operator.jetstream()

    async def messages() -> int:
        return int((await manager.stream_info(STREAM)).state.messages or 0)

    before = await messages()

    async def begun() -> bool:
        return await messages() > before

    async def done() -> bool:
        return await messages() >= before + count

    await stack.start("storage", wait=False)
    await until(begun, 60, 0.01)
    already, began = await messages() - before, time.perf_counter()
    await until(done, 300, 0.02)
    seconds = time.perf_counter() - began
    await stack.healthy("storage")
    await operator.close()
    return (count - already) / seconds


def _dsn(stack: LocalStack) -> str:
    address = stack.address("postgres").removeprefix("postgresql://")
    return f"postgresql://storage@{address}"


async def migrated(stack: LocalStack) -> None:
    """Create the schema."""
    settings = PostgresSettings.model_validate(
        {"postgres_dsn": _dsn(stack), "postgres_password": stack.password("storage")}
    )
    async with postgres_pool(settings, most=1) as pool:
        await migrate(pool)
