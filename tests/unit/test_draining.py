"""A service that is told to stop ends what it began: also a body of which most is still to come."""

import asyncio
import socket
from contextlib import AsyncExitStack

import pytest
from aiohttp import web

from libs.service.lifecycle import listening

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\n"
WHOLE = HEAD + b"abcdef"


def counting() -> web.Application:
    """Answers with the length of the body."""

    async def length(request: web.Request) -> web.Response:
        return web.Response(text=f"{len(await request.read())} bytes")

    app = web.Application()
    app.router.add_post("/", length)
    return app


async def test_a_body_that_is_still_arriving_is_read_to_its_end() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(counting(), "127.0.0.1", 0))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"abc")
        await writer.drain()
        await asyncio.sleep(0.1)
        stopping = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0.3)
        writer.write(b"def")
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"6 bytes")
        assert b"connection: close" in answer.lower()
        await stopping
        writer.close()


async def test_a_new_connection_is_refused_meanwhile_and_an_open_one_is_closed_after_its_answer() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(counting(), "127.0.0.1", 0))
        slow, kept = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        slow[1].write(HEAD)
        kept[1].write(WHOLE)
        assert (await kept[0].readuntil(b"6 bytes")).startswith(b"HTTP/1.1 200")
        stopping = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0.3)
        try:
            await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            refused = True
        assert refused
        kept[1].write(WHOLE)
        assert (await kept[0].read()).endswith(b"6 bytes")
        slow[1].write(b"abcdef")
        assert (await slow[0].read()).endswith(b"6 bytes")
        await stopping


async def test_what_takes_longer_than_it_may_is_cut_off() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(counting(), "127.0.0.1", 0, 0.3))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"abc")
        await asyncio.sleep(0.1)
        async with asyncio.timeout(5):
            await stack.aclose()
            assert b"200" not in await reader.read()


async def test_who_was_already_in_the_doorway_is_answered() -> None:
    """Their connections are made, by the kernel; the service has not taken them yet when it is told to stop."""
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(counting(), "127.0.0.1", 0))
        waiting = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(20)]
        for one in waiting:
            one.sendall(WHOLE)
        await stack.aclose()
        assert [one.recv(4096).endswith(b"6 bytes") for one in waiting] == [True] * 20


async def test_who_comes_while_the_door_closes_is_refused_and_never_reset() -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(listening(counting(), "127.0.0.1", 0))
        stopping = asyncio.create_task(stack.aclose())
        await asyncio.sleep(0.03)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)
        await stopping
