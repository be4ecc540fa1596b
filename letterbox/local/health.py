"""Whether a part is healthy, asked from outside."""

import asyncio

import aiohttp
import asyncpg

from libs.events.errors import Transient
from services.indexer.antivirus import Antivirus

TIMEOUT_SECONDS = 3.0


async def is_healthy(url: str, password: str = "") -> bool:
    """Whether `url` answers 200; for `postgresql://…`, whether one can log in; for `clamd://…`, whether it answers."""
    if url.startswith("postgresql://"):
        return await _can_log_in(url, password)
    if url.startswith("clamd://"):
        return await _scans(url.removeprefix("clamd://"))
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError, OSError):
        return False


async def _can_log_in(url: str, password: str) -> bool:
    try:
        connection = await asyncpg.connect(url, password=password, timeout=TIMEOUT_SECONDS)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close()
    return True


async def _scans(address: str) -> bool:
    try:
        await Antivirus(address, TIMEOUT_SECONDS).ready()
    except Transient:
        return False
    return True


async def all_healthy(urls: dict[str, str], password: str) -> dict[str, bool]:
    """For each name, whether its part is healthy."""
    answers = await asyncio.gather(*(is_healthy(url, password) for url in urls.values()))
    return dict(zip(urls, answers, strict=True))
