"""Indexer and storage die again and again over archives; everything in them is found all the same, and once."""

import asyncio

import pytest

from tests.flow.test_found import NUMBERS, kept, parcel, rows
from tests.flow.test_verify import clean
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, visiting

DYING = {"LETTERBOX_FAILPOINT": "after-effect:0.1,before-ack:0.1"}
"""Some deaths in all; each costs a start."""
CALM_SECONDS = 400


@pytest.mark.timeout(CALM_SECONDS + 200)
async def test_services_that_die_over_archives_find_everything_once() -> None:
    environment = {
        "nats": {"LETTERBOX_NATS_ACK_WAIT_SECONDS": "1"},
        "ingest": RATES_OFF,
        "indexer": DYING,
        "storage": DYING,
    }
    async with isolated_stack(environment=environment, supervised=True) as stack, visiting(stack) as visitor:
        supervising = asyncio.create_task(stack.supervise())
        submissions = [(await visitor.send(files=[("parcel.zip", parcel("lives"))])).id for _ in range(2)]
        async with asyncio.timeout(CALM_SECONDS):
            while {(await visitor.journey(one))["status"] for one in submissions} != {"done"}:
                await asyncio.sleep(0.5)
        deaths = sum(running.restarts for running in stack.running.values())
        assert deaths > 0
        said = await clean(visitor)
        assert said["dead_letters"] == 0
        for one in submissions:
            assert await rows(visitor, one) == NUMBERS
            assert [key for key, _ in await kept(visitor, one)] == [f"found/{one}/{n}" for n in ("1-1", "1-2", "1-2-1")]
            hits = [hit["document_id"] for hit in await visitor.found("", contact_id=one)]
            assert sorted(hits) == [f"{one}-{number}" for number in NUMBERS]
        supervising.cancel()
