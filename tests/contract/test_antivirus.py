"""The virus scanner's client, on a real clamd; and on servers that answer as no clamd should."""

import asyncio
import io
import signal
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from libs.events.errors import Transient
from services.indexer.antivirus import TRIES, Antivirus, CannotScan, Scan
from tests.support import files
from tests.support.clamd import MARKER, SIGNATURE, STREAM_MOST, Clamd, answering, needs_clamd, running_clamd

DOCUMENT = "0" * 32 + "-1"
INFECTED = Scan("infected", SIGNATURE)
BIG = bytes(STREAM_MOST // 2)
OPEN = Path("/proc/self/fd")


@pytest.fixture(scope="module")
async def scanner() -> AsyncIterator[Clamd]:
    """A clamd for the tests that leave it alive."""
    async with running_clamd() as scanner:
        yield scanner


@pytest.fixture(params=["tcp", "socket"])
def antivirus(request: pytest.FixtureRequest, scanner: Clamd) -> Antivirus:
    return Antivirus(getattr(scanner, request.param), 20)


def zipped(content: bytes, times: int = 1, **more: bytes) -> bytes:
    """A zip within a zip, and so on."""
    for _ in range(times):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, member in {"inner": content, **more}.items():
                archive.writestr(name, member)
        content = out.getvalue()
    return content


@needs_clamd
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", Scan("clean")),
        (files.pdf(), Scan("clean")),
        (BIG, Scan("clean")),
        (b"before " + MARKER + b" after", INFECTED),
        (BIG + MARKER, INFECTED),
        (zipped(MARKER, 3), INFECTED),
        (bytes(STREAM_MOST + 1), Scan("too large", "StreamMaxLength")),
        (bytes(16 * STREAM_MOST), Scan("too large", "StreamMaxLength")),
        (zipped(b"deep", 30), Scan("too large", "Heuristics.Limits.Exceeded.MaxRecursion")),
        (zipped(zipped(b"deep", 30), 1, last=MARKER), INFECTED),
    ],
    ids=[
        "empty", "a pdf", "large", "infected", "infected at its end", "infected in an archive",
        "a little too large", "far too large", "too deep", "too deep and infected",
    ],
)  # fmt: skip
async def test_a_document_is_clean_infected_or_too_large(antivirus: Antivirus, content: bytes, said: Scan) -> None:
    assert await antivirus.scan(DOCUMENT, content) == said


@needs_clamd
async def test_many_scans_at_once_each_get_their_own_answer(antivirus: Antivirus) -> None:
    contents = [b"fine" if number % 3 else MARKER for number in range(60)]
    scans = await asyncio.gather(*(antivirus.scan(f"{n}", content) for n, content in enumerate(contents)))
    assert [scan.outcome for scan in scans] == ["clean" if n % 3 else "infected" for n in range(60)]


@needs_clamd
async def test_no_connection_is_left_open(antivirus: Antivirus) -> None:
    await antivirus.scan(DOCUMENT, b"warm")
    before = len(list(OPEN.iterdir()))
    for content in (b"fine", MARKER, bytes(16 * STREAM_MOST)):
        await antivirus.scan(DOCUMENT, content)
    assert len(list(OPEN.iterdir())) == before


@pytest.mark.parametrize("address", ["127.0.0.1:9", "/nonexistent/clamd.sock", "nobody.invalid:3310"])
async def test_a_scanner_that_is_not_there_is_away_however_often_it_is_asked(address: str) -> None:
    antivirus = Antivirus(address, 5)
    for _ in range(2 * TRIES):
        with pytest.raises(Transient, match="antivirus"):
            await antivirus.scan(DOCUMENT, MARKER)
    with pytest.raises(Transient):
        await antivirus.ready()


@needs_clamd
async def test_a_scanner_that_hangs_is_away_and_when_it_goes_on_it_answers() -> None:
    async with running_clamd() as scanner:
        antivirus = Antivirus(scanner.tcp, 0.5)
        scanner.send(signal.SIGSTOP)
        for content in (MARKER, BIG):
            began = time.monotonic()
            with pytest.raises(Transient, match="no answer within"):
                await antivirus.scan(DOCUMENT, content)
            assert time.monotonic() - began < 5
        scanner.send(signal.SIGCONT)
        assert await Antivirus(scanner.tcp, 20).scan(DOCUMENT, MARKER) == INFECTED


@needs_clamd
@pytest.mark.parametrize("way", ["tcp", "socket"])
async def test_a_scanner_that_dies_in_the_middle_of_a_stream_is_away(way: str) -> None:
    async with running_clamd() as scanner:
        antivirus = Antivirus(getattr(scanner, way), 60)
        scanner.send(signal.SIGSTOP)
        scanning = asyncio.create_task(antivirus.scan(DOCUMENT, bytes(64 << 20)))
        await asyncio.sleep(0.3)  # by now the system's buffers are full
        assert not scanning.done()
        scanner.end()
        with pytest.raises(Transient, match="antivirus"):
            await scanning
        for _ in range(TRIES):
            with pytest.raises(Transient, match="cannot connect"):
                await antivirus.scan(DOCUMENT, b"fine")
        Path(scanner.socket).unlink(missing_ok=True)
        await scanner.start()
        assert await antivirus.scan(DOCUMENT, b"fine") == Scan("clean")


BROKEN = [b"", b"stream: OK", b"stream: ok\0", b"stream:  FOUND\0", b"stream: Can't allocate memory ERROR\0", b"\xff\0"]


@pytest.mark.parametrize("broken", BROKEN)
async def test_what_is_no_answer_never_means_clean_and_a_scanner_that_never_answers_well_is_away(broken: bytes) -> None:
    async with answering(lambda _: broken) as address:
        antivirus = Antivirus(address, 5)
        for _ in range(2 * TRIES):
            with pytest.raises(Transient, match=r"no answer|answered"):
                await antivirus.scan(DOCUMENT, b"fine")


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_document_that_alone_gets_no_answer_is_told_apart_from_a_scanner_that_is_away(broken: bytes) -> None:
    async with answering(lambda content: broken if b"deadly" in content else b"stream: OK\0") as address:
        antivirus = Antivirus(address, 5)
        for _ in range(2):
            for _ in range(TRIES - 1):
                with pytest.raises(Transient):
                    await antivirus.scan(DOCUMENT, b"deadly")
                assert (await antivirus.scan("another", b"fine")).outcome == "clean"
            with pytest.raises(CannotScan):
                await antivirus.scan(DOCUMENT, b"deadly")


async def test_a_signature_is_shown_without_what_could_be_obeyed() -> None:
    names = {b"1": b"Win.\x1b[31m<b> \xc3\xa9", b"2": b"Eicar(44d88612fea8a8f36de82e1278abb02f:68)", b"3": b"x" * 3000}
    async with answering(lambda content: b"stream: " + names[content] + b" FOUND\0") as address:
        antivirus = Antivirus(address, 5)
        said = [(await antivirus.scan(DOCUMENT, content)).signature for content in names]
    assert said == ["Win._[31m<b>__", "Eicar", "x" * 200]
