"""One service alone is cut off from NATS, or its clock is wrong: everything that was accepted arrives, once."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from letterbox.local.stack import LocalStack
from tests.faults.test_bad_days import told_once
from tests.flow.test_verify import clean
from tests.support import files
from tests.support.relay import Relay, relaying
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Answer, Visitor, eventually, visiting

CUT_SECONDS = 5
HOUR = "+3600"
BEHIND = ("storage", "indexer", "notifier")
"""The services behind the stream."""


@pytest.fixture(scope="module")
async def far() -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


async def restarted(stack: LocalStack, name: str, environment: dict[str, str]) -> None:
    """Start a service again with more environment, or without it."""
    stack.environment.setdefault(name, {}).update(environment)
    for key in [key for key, value in environment.items() if not value]:
        del stack.environment[name][key]
    await stack.stop(name)
    await stack.start(name, wait=not environment.get("FAKETIME"))


async def all_well(visitor: Visitor, ids: list[str]) -> None:
    """Every submission arrived, was told of once, is found, and `verify` agrees."""
    for submission in ids:
        await told_once(visitor, submission)

        async def indexed(submission: str = submission) -> bool:
            return f"{submission}-0" in [hit["document_id"] for hit in await visitor.found("", contact_id=[submission])]

        await eventually(indexed)

    await clean(visitor)


async def sent(visitor: Visitor, count: int) -> list[str]:
    note = [("note.pdf", files.pdf("The lamp is out"))]
    answers = [await visitor.send(files=note) for _ in range(count)]
    assert {answer.status for answer in answers} == {202}
    return [answer.id for answer in answers]


async def test_services_cut_off_from_nats_catch_up(far: Visitor) -> None:
    """First a connection that breaks, then one that falls silent, each for one service after the other."""
    stack = far.stack
    port = stack.ports["nats"]
    async with AsyncExitStack() as relays:
        cuts: dict[str, Relay] = {}
        for name in BEHIND:
            cuts[name] = await relays.enter_async_context(relaying("127.0.0.1", port))
            await restarted(stack, name, {"LETTERBOX_NATS_URL": f"nats://127.0.0.1:{cuts[name].port}"})
        await asyncio.gather(*(stack.healthy(name) for name in BEHIND))
        ids = await sent(far, 2)
        for name in BEHIND:
            await cuts[name].cut()
            ids += await sent(far, 2)
            await asyncio.sleep(CUT_SECONDS)
            await cuts[name].open()
            await stack.healthy(name)
            cuts[name].hang()
            ids += await sent(far, 2)
            await asyncio.sleep(CUT_SECONDS)
            await cuts[name].open()
        assert all(cut.passed for cut in cuts.values())
        await all_well(far, ids)
        for name in BEHIND:
            await restarted(stack, name, {"LETTERBOX_NATS_URL": ""})
    await asyncio.gather(*(stack.healthy(name) for name in BEHIND))


def libfaketime() -> Path | None:
    """The library that shifts a process's clock, from Debian's package of that name."""
    return next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)


@pytest.mark.parametrize("name", ["ingest", "storage", "indexer", "notifier", "search"])
async def test_a_service_whose_clock_is_an_hour_off(far: Visitor, name: str) -> None:
    """S3 refuses signatures from another hour, so files wait or are refused; whatever was accepted arrives."""
    library = libfaketime()
    if library is None:
        pytest.skip("Debian's libfaketime is not installed")
    shifted = {"LD_PRELOAD": str(library), "FAKETIME": HOUR, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    clock = await asyncio.create_subprocess_exec("/usr/bin/date", "+%s", env=shifted, stdout=asyncio.subprocess.PIPE)
    assert int((await clock.communicate())[0]) > time.time() + 3000  # the tool works
    await restarted(far.stack, name, shifted)
    try:

        async def accepted() -> Answer | None:
            answer = await far.send()
            return answer if answer.status == 202 else None

        ids = [(await eventually(accepted)).id]
        answers = [await far.send(files=[("note.pdf", files.pdf("The lamp is out"))]) for _ in range(3)]
        assert {answer.status for answer in answers} <= ({202, 503} if name == "ingest" else {202})
        ids += [answer.id for answer in answers if answer.status == 202]
        await asyncio.sleep(CUT_SECONDS)
    finally:
        await restarted(far.stack, name, dict.fromkeys(shifted, ""))
    await all_well(far, ids)
