"""How many instances of ingest there are: a rate limit is shared by all of them."""

import asyncio
import logging
import socket
from collections.abc import Callable

log = logging.getLogger(__name__)

EVERY_SECONDS = 5.0


async def follow_peers(name: str, say: Callable[[int], None]) -> None:
    """Look `name` up for ever, and `say` how many addresses it has; an unanswered look changes nothing."""
    known = 1
    while True:
        found = await _addresses(name)
        if found and found != known:
            log.info("instances", extra={"instances": found})
            known = found
            say(found)
        await asyncio.sleep(EVERY_SECONDS)


async def _addresses(name: str) -> int:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except OSError:
        return 0
    return len({address[4][0] for address in found})
