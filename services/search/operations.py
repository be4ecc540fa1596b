"""What the services say of themselves on their operations ports, as Prometheus hears it: for the status page."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from socket import SOCK_STREAM

import aiohttp
from yarl import URL

ANSWER_SECONDS = 2.5
"""A little more than a service's own checks may take."""
PAUSED = re.compile(r'^consumer_paused\{dependency="([^"]*)",durable="([^"]*)"\} 1(?:\.0)?$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Service:
    """One service, all its instances together."""

    name: str
    instances: int
    """How many answered."""
    missing: tuple[str, ...] = ()
    """What an instance that is not ready lacks."""
    paused: frozenset[tuple[str, str]] = frozenset()
    """(durable, dependency): what waits for what."""

    @property
    def is_reachable(self) -> bool:
        """Whether any instance answered."""
        return self.instances > 0


class Operations:
    """The operations ports of all services."""

    def __init__(self, http: aiohttp.ClientSession, addresses: Mapping[str, str]) -> None:
        self._http = http
        self._addresses = addresses

    async def services(self) -> list[Service]:
        """Every service there should be, in the order of the setting; asked all at once."""
        asked = (self._service(name, URL(address)) for name, address in self._addresses.items())
        return list(await asyncio.gather(*asked))

    async def _service(self, name: str, address: URL) -> Service:
        instances = [url async for url in _instances(address)]
        answers = [one for one in await asyncio.gather(*map(self._instance, instances)) if one is not None]
        missing = sorted({what for lacks, _ in answers for what in lacks})
        return Service(name, len(answers), tuple(missing), frozenset(pair for _, paused in answers for pair in paused))

    async def _instance(self, address: URL) -> tuple[list[str], set[tuple[str, str]]] | None:
        """(what it lacks, what it waits for); None when it does not answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                async with self._http.get(address / "health/ready") as answer:
                    missing = (await answer.json()).get("missing", [])
                async with self._http.get(address / "metrics") as answer:
                    text = await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None
        return list(missing), {(durable, dependency) for dependency, durable in PAUSED.findall(text)}


async def _instances(address: URL) -> AsyncIterator[URL]:
    """The address of each instance: a name may stand for several."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(address.host, address.port, type=SOCK_STREAM)
    except (OSError, TimeoutError):
        return
    for host in sorted({str(place[0]) for *_, place in found}):
        yield address.with_host(host)


@asynccontextmanager
async def operations(addresses: Mapping[str, str]) -> AsyncIterator[Operations]:
    """The operations ports behind `addresses`, by service."""
    async with aiohttp.ClientSession() as http:
        yield Operations(http, addresses)
