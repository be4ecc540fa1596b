"""PostgreSQL away for longer than thirty redelivery limits (compressed): all waits, nothing is a dead letter."""

import asyncio

from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, eventually, visiting

ACK_WAIT_SECONDS = 1
AWAY_SECONDS = 32 * ACK_WAIT_SECONDS
"""The outage itself is what is tested, so this is a time and not an event."""


async def test_an_outage_of_thirty_redelivery_limits_makes_no_dead_letter() -> None:
    short = {"LETTERBOX_NATS_ACK_WAIT_SECONDS": str(ACK_WAIT_SECONDS)}
    async with isolated_stack(environment={"ingest": RATES_OFF, "nats": short}) as stack, visiting(stack) as visitor:
        await visitor.ended((await visitor.send()).id)
        await stack.stop("postgres")
        sent = [(await visitor.send(files=[("a.txt", b"I wait.")])).id for _ in range(5)]
        await asyncio.sleep(AWAY_SECONDS)
        sent += [(await visitor.send()).id for _ in range(2)]
        await stack.start("postgres")
        for one in sent:
            assert (await visitor.ended(one))["status"] == "done"
            assert len(visitor.mails(one)) == 2

        async def clean() -> bool:
            return (await letterbox(stack, "verify", "--grace", "0")).status == 0

        await eventually(clean)
        assert (await letterbox(stack, "dead-letters", "list", "--json")).json == []
