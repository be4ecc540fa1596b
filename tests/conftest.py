"""What all flow tests share: a running stack, and a visitor who writes to it."""

import json
from collections.abc import AsyncIterator

import pytest

from letterbox.local.stack import LocalStack
from tests.support.stack import isolated_stack
from tests.support.visitor import ORIGIN, RATES_OFF, RETURN_TO, Visitor, visiting


@pytest.fixture(scope="session")
async def stack() -> AsyncIterator[LocalStack]:
    """One whole stack for all flow tests that break nothing."""
    ingest = {
        **RATES_OFF,
        "LETTERBOX_FORMS": '["contact", "jobs"]',
        "LETTERBOX_ORIGINS": json.dumps([ORIGIN]),
        "LETTERBOX_RETURN_TO": json.dumps([RETURN_TO]),
        "LETTERBOX_IDLE_SECONDS": "2",
        "LETTERBOX_SLOW_GRACE_SECONDS": "2",
    }
    async with isolated_stack(environment={"ingest": ingest}) as stack:
        yield stack


@pytest.fixture(scope="session")
async def visitor(stack: LocalStack) -> AsyncIterator[Visitor]:
    """A visitor of the shared stack."""
    async with visiting(stack) as visitor:
        yield visitor
