"""What all flow tests share: a running stack, and a visitor who writes to it."""

import json
import os
from collections.abc import AsyncIterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from letterbox.local.stack import LocalStack
from tests.support.ports import STACKS, own_share
from tests.support.stack import isolated_stack
from tests.support.visitor import ORIGIN, RATES_OFF, RETURN_TO, Visitor, visiting

COMPOSE = "tests/compose/"
_ports = own_share(STACKS)
os.environ["LETTERBOX_PORTS"] = f"{_ports.start}-{_ports.stop - 1}"


class ByFile(LoadFileScheduling):
    """A worker takes a whole file, for the stack that it starts; and all of compose, for images are built once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return COMPOSE if file.startswith(COMPOSE) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """What `make test` runs its workers with."""
    return ByFile(config, log)


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
