"""A TCP relay in front of a real server, to take that server away from one client and give it back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Relay:
    """Passes bytes between a port of its own and a server, while it is open; `passed` counts what it was given."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.port = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.passed = 0

    async def open(self) -> None:
        """Listen (again, on the same port)."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """The server is gone: open connections break, new ones are refused."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()
        self._flowing.set()

    def hang(self) -> None:
        """The server says nothing any more, but its connections stay."""
        self._flowing.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*self._target)
            self._writers.add(far_writer)
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(64 * 1024):
                self.passed += len(chunk)
                await self._flowing.wait()
                writer.write(chunk)
                await writer.drain()
        writer.close()
        self._writers.discard(writer)


@asynccontextmanager
async def relaying(host: str, port: int) -> AsyncIterator[Relay]:
    """An open relay to `host:port`; nothing of it is left afterwards."""
    relay = Relay((host, port))
    await relay.open()
    try:
        yield relay
    finally:
        await relay.cut()
