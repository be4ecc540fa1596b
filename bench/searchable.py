"""Text messages posted until all are searchable: the five services against an honest monolith on the same servers."""

import time
from collections.abc import Awaitable, Callable

import aiohttp

from bench.measure import RATES_OFF, Row, free_port, output_of, process, stack_for, until
from letterbox.local.objects import access_key

COUNT = 5024
"""5,000, made even for the clients."""
CLIENTS = 32
SERVERS = ("nats", "postgres", "object-store", "mail")


async def run(*, quick: bool) -> list[Row]:
    """Two rows: against one index write for each document, and against gathered ones."""
    count = CLIENTS * 16 if quick else COUNT
    ours = [await _ours(count)]
    single = [await _monolith(count, gather_milliseconds=0)]
    gathered = [await _monolith(count, gather_milliseconds=200)]
    what = f"{count:,} messages until searchable"
    return [
        Row.at_least(f"{what}; monolith writes each document", ours, single, 3, "/s"),
        Row.at_least(f"{what}; monolith gathers writes for 200 ms", ours, gathered, None, "/s"),
    ]


async def _ours(count: int) -> float:
    names = (*SERVERS, "ingest", "storage", "indexer", "notifier", "search")
    async with stack_for(names, {"ingest": RATES_OFF}) as stack, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {stack.owner_key}"}

        async def found() -> bool:
            question = {"query": "harbour", "limit": 1}
            async with session.post(
                f"{stack.address('search')}/documents/search", json=question, headers=headers
            ) as answer:
                return answer.status == 200 and int((await answer.json())["total"]) >= count

        return await _rate(count, stack.ports["ingest"], found)


async def _monolith(count: int, gather_milliseconds: int) -> float:
    async with stack_for(SERVERS) as stack, aiohttp.ClientSession() as session:
        port = free_port()
        environment = {
            "MONOLITH_DSN": f"postgresql://storage@{stack.address('postgres').removeprefix('postgresql://')}",
            "MONOLITH_DSN_PASSWORD": stack.password("storage"),
            "MONOLITH_S3": stack.address("object-store"),
            "MONOLITH_S3_KEY": access_key("indexer"),
            "MONOLITH_S3_SECRET": stack.secret("s3-indexer"),
            "MONOLITH_SMTP_PORT": str(stack.ports["mail"]),
            "MONOLITH_INDEX": str(stack.home.path / "monolith-index"),
            "MONOLITH_GATHER_MILLISECONDS": str(gather_milliseconds),
        }
        async with process("bench.monolith", str(port), environment=environment):

            async def found() -> bool:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/count") as answer:
                        return int((await answer.json())["total"]) >= count
                except aiohttp.ClientError:
                    return False

            async def up() -> bool:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/count") as answer:
                        return answer.status == 200
                except aiohttp.ClientError:
                    return False

            await until(up, 30)
            return await _rate(count, port, found)


async def _rate(count: int, port: int, found: Callable[[], Awaitable[bool]]) -> float:
    began = time.perf_counter()
    await output_of("bench.load", "127.0.0.1", str(port), "/contact", str(CLIENTS), str(count), seconds=900)
    await until(found, 900, 0.25)
    return count / (time.perf_counter() - began)
