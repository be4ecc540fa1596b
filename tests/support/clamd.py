"""A real clamd of a test's own: in a folder of its own, with a signature of our own, ended with the test."""

import asyncio
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from letterbox.local.antivirus import clamd
from libs.events.errors import Transient
from services.indexer.antivirus import Antivirus
from tests.support.ports import free_port

MARKER = b"LETTERBOX-TEST-SIGNATURE-7f3a"
"""What our signature looks for; it harms nobody."""
SIGNATURE = "Letterbox.Test.Marker.UNOFFICIAL"
STREAM_MOST = 2 << 20
START_SECONDS = 60

needs_clamd = pytest.mark.skipif(clamd() is None, reason="clamd is not installed (Debian: clamav-daemon)")


def write_signature(folder: Path, name: str = "Letterbox.Test.Marker", marker: bytes = MARKER) -> Path:
    """Add a signature to the folder: `name` for whatever has `marker` in it."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.ndb").write_text(f"{name}:0:*:{marker.hex()}\n", encoding="ascii")
    return folder


class Clamd:
    """A clamd that listens on a port and on a socket."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.tcp = f"127.0.0.1:{free_port()}"
        self.socket = str(folder / "clamd.sock")

    async def start(self) -> None:
        """Run it, and wait until it answers."""
        program = clamd()
        assert program is not None
        configuration = self._folder / "clamd.conf"
        configuration.write_text(
            f"Foreground yes\nTCPAddr 127.0.0.1\nTCPSocket {self.tcp.rpartition(':')[2]}\nLocalSocket {self.socket}\n"
            f"DatabaseDirectory {write_signature(self._folder / 'signatures')}\nTemporaryDirectory {self._folder}\n"
            f"StreamMaxLength {STREAM_MOST}\nAlertExceedsMax yes\n"
        )
        with (self._folder / "clamd.log").open("ab") as log:
            command = [program, "--config-file", str(configuration)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: ASYNC220 - does not block
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self._process.poll() is None, (self._folder / "clamd.log").read_text()
            try:
                return await Antivirus(self.tcp, 5).ready()
            except Transient:
                await asyncio.sleep(0.05)
        pytest.fail("clamd did not start")

    def send(self, number: signal.Signals) -> None:
        """Freeze it, let it go on, end it."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self) -> None:
        """End it at once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@asynccontextmanager
async def running_clamd() -> AsyncIterator[Clamd]:
    """A clamd until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="letterbox-clamd-") as folder:
        scanner = Clamd(Path(folder))
        try:
            await scanner.start()
            yield scanner
        finally:
            scanner.end()


@asynccontextmanager
async def answering(answer: Callable[[bytes], bytes]) -> AsyncIterator[str]:
    """The address of a server that is no clamd: it answers a stream as `answer` says; an empty answer hangs up."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readuntil(b"\0") == b"zPING\0":
            writer.write(b"PONG\0")
            writer.close()
            return
        content = b""
        while size := int.from_bytes(await reader.readexactly(4), "big"):
            content += await reader.readexactly(size)
        writer.write(answer(content))
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
