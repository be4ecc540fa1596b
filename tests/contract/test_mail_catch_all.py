"""The local catch-all, stopped: who has begun to hand a mail over hears what became of it."""

import asyncio
import signal
import smtplib
import socket
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.visitor import eventually


@pytest.fixture
async def catch_all(tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The process and its port."""
    port = free_port()
    places = [str(tmp_path), str(port), str(free_port())]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "letterbox.local.mail", *places)
    try:
        await eventually(partial(listening, port))
        yield process, port
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_mail_that_is_being_handed_over_is_answered_before_it_ends(
    catch_all: tuple[asyncio.subprocess.Process, int], tmp_path: Path
) -> None:
    process, port = catch_all
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        client.mail("form@example.org")
        client.rcpt("owner@example.org")
        assert client.docmd("DATA")[0] == 354
        process.send_signal(signal.SIGTERM)
        await eventually(partial(closed, port))
        client.send(b"Subject: late\r\n\r\nStill here.\r\n.\r\n")
        assert client.getreply()[0] == 250
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert [b"Still here." in file.read_bytes() for file in tmp_path.glob("*.eml")] == [True]


async def listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def closed(port: int) -> bool:
    """Whether nobody does."""
    return not await listening(port)
