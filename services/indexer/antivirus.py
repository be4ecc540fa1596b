"""The virus scanner: a client of clamd's INSTREAM, over TCP or a Unix socket (clamd(8)).

What it says of a document is clean, infected or too large. That it is away says nothing of the document: it waits.
"""

import asyncio
import logging
import re
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any

from prometheus_client import Counter, Histogram

from libs.events.catalogue import ScanOutcome
from libs.events.errors import Transient
from services.indexer.extract.results import Unreadable

log = logging.getLogger(__name__)

SCANS = Counter("antivirus_scans_total", "Scans by what the virus scanner said; `none`: no proper answer.", ["outcome"])
SECONDS = Histogram(
    "antivirus_scan_seconds",
    "Time the virus scanner took for one document.",
    buckets=(0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120),
)

CONNECT_SECONDS = 5.0
WELL_SECONDS = 10.0
"""How long a scanner that is well takes for nearly nothing, at most."""
CHUNK_BYTES = 128 * 1024
ANSWER_BYTES = 4096
TRIES = 3
"""So many times a document gets no answer before it is asked whether the document is to blame."""
HARMLESS = b"This is not a virus."

_FOUND = re.compile(r"stream: (?P<signature>.+?)(?:\([0-9a-f]{32}:[0-9]+\))? FOUND")
"""The hash and size are there with clamd's ExtendedDetectionInfo."""
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
_LIMITS = "Heuristics.Limits.Exceeded"
"""What clamd finds with AlertExceedsMax in what it did not scan to the end."""
_STREAM_TOO_LONG = "INSTREAM size limit exceeded. ERROR"


@dataclass(frozen=True, slots=True)
class Scan:
    """What the scanner said of one document."""

    outcome: ScanOutcome
    signature: str = ""
    """Of what was found in an infected one."""


NOT_SCANNED = Scan("")


class CannotScan(Exception):
    """The scanner is well, but this document gets no answer from it, however often it is asked."""


class _NoAnswer(Exception):
    """The scanner was reached, but what came back is no answer."""


class Antivirus:
    """The clamd at `address`: `host:port`, or the path of its socket. `seconds` bound one scan."""

    def __init__(self, address: str, seconds: float) -> None:
        self._address = address
        self._seconds = seconds
        self._unanswered: dict[str, int] = {}

    async def scan(self, document_id: str, content: bytes) -> Scan:
        """Have `content` scanned.

        Raises Transient when the scanner is away or not well, CannotScan when only this document is not answered.
        """
        began = time.perf_counter()
        try:
            scan = _judged(await self._ask(content, self._seconds))
        except _NoAnswer as error:
            SCANS.labels("none").inc()
            await self._unanswered_again(document_id, str(error))
            raise CannotScan(str(error)) from error
        self._unanswered.pop(document_id, None)
        SCANS.labels(scan.outcome).inc()
        SECONDS.observe(time.perf_counter() - began)
        if scan.outcome != "clean":
            about = {"document_id": document_id, "outcome": scan.outcome, "signature": scan.signature}
            log.warning("the virus scanner objects to a document", extra=about)
        return scan

    async def ready(self) -> None:
        """Raise Transient unless the scanner answers."""
        try:
            answer = await self._told(b"zPING\0", (), WELL_SECONDS)
        except _NoAnswer as error:
            raise Transient("antivirus", str(error)) from error
        if answer != "PONG":
            raise Transient("antivirus", f"PING was answered {answer!r}")

    async def _unanswered_again(self, document_id: str, error: str) -> None:
        """Raise Transient unless it is the document's fault: it goes on, and a well scanner answers on something else.

        Otherwise a document that the scanner dies over would keep all others from being read, for ever.
        """
        tries = self._unanswered[document_id] = self._unanswered.get(document_id, 0) + 1
        if tries < TRIES:
            raise Transient("antivirus", error)
        try:
            well = _judged(await self._ask(HARMLESS, WELL_SECONDS)).outcome == "clean"
        except _NoAnswer:
            well = False
        if not well:
            raise Transient("antivirus", error)
        del self._unanswered[document_id]

    async def _ask(self, content: bytes, seconds: float) -> str:
        chunks = (content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES))
        return await self._told(b"zINSTREAM\0", chain(chunks, [b""]), seconds)

    async def _told(self, command: bytes, chunks: Iterable[bytes], seconds: float) -> str:
        """The answer to a command that is followed by `chunks`. Raises Transient or _NoAnswer."""
        async with self._connected() as connection:
            try:
                async with asyncio.timeout(seconds):
                    return await _conversation(connection, command, chunks)
            except TimeoutError:
                raise _NoAnswer(f"no answer within {seconds:.0f} s") from None

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[socket.socket]:
        """A connection. Raises Transient when there is none to be had."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                connection = await _connection(self._address)
        except OSError as error:  # a time-out is one, too
            raise Transient("antivirus", f"cannot connect: {type(error).__name__}") from error
        with connection:
            yield connection


def infected(signature: str) -> Unreadable:
    """The document is not read, because this was found in it."""
    return Unreadable("infected", f"The virus scanner found {signature} in the file.")


async def _connection(address: str) -> socket.socket:
    places: list[tuple[int, Any]] = [(socket.AF_UNIX, address)]
    if not address.startswith("/"):
        host, _, port = address.rpartition(":")
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        places = [(family, place) for family, _, _, _, place in found]
    refused = OSError("the name has no address")
    for family, place in places:
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, place)
            return connection
        except OSError as error:
            connection.close()
            refused = error
        except BaseException:
            connection.close()
            raise
    raise refused


async def _conversation(connection: socket.socket, command: bytes, chunks: Iterable[bytes]) -> str:
    """Sockets and not streams: what clamd says before it hangs up is read even when sending has failed meanwhile."""
    loop, broken = asyncio.get_running_loop(), "it hung up"
    try:
        await loop.sock_sendall(connection, command)
        for chunk in chunks:
            await loop.sock_sendall(connection, len(chunk).to_bytes(4, "big"))
            await loop.sock_sendall(connection, chunk)
    except OSError as error:
        broken = type(error).__name__
    answer = bytearray()
    while b"\0" not in answer and len(answer) < ANSWER_BYTES:
        try:
            more = await loop.sock_recv(connection, ANSWER_BYTES)
        except OSError as error:
            broken, more = type(error).__name__, b""
        if not more:
            raise _NoAnswer(f"no answer: {broken}")
        answer += more
    return bytes(answer).partition(b"\0")[0].decode("utf-8", "replace")


def _judged(answer: str) -> Scan:
    if answer == "stream: OK":
        return Scan("clean")
    if answer == _STREAM_TOO_LONG:
        return Scan("too large", "StreamMaxLength")
    found = _FOUND.fullmatch(answer)
    if found is None:
        raise _NoAnswer(f"answered {answer[:200]!r}")
    signature = _UNPRINTABLE.sub("_", found["signature"])[:200]
    return Scan("too large" if signature.startswith(_LIMITS) else "infected", signature)
