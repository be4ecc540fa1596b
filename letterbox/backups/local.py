"""A local stack for a restore: first the servers alone, then the services that put things right; never the door."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from letterbox.local import antivirus
from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.stack import LocalStack
from letterbox.local.state import read_state

SERVERS = ("nats", "postgres", "object-store", "mail")
SERVICES = ("storage", "indexer", "notifier")
CALM = {"storage": {"LETTERBOX_JANITOR_EVERY_SECONDS": "0"}}
"""Nobody may remove objects while their owners are being put back."""


@asynccontextmanager
async def servers_alone(home: Home) -> AsyncIterator[LocalStack]:
    """The servers in `home`, gone afterwards with whatever was started. Raises CannotStart when a system runs there."""
    state = read_state(home)
    if state is not None and state.launcher.runs():
        raise CannotStart(f"Letterbox runs in {home.path}. `letterbox down` stops it; its data stay.")
    names = (*SERVERS, *((antivirus.NAME,) if os.environ.get(antivirus.SIGNATURES) else ()))
    async with LocalStack(home, names, environment=CALM) as stack:
        yield stack


async def start_services(stack: LocalStack, *more: str) -> None:
    """Start what finishes a restore."""
    for name in (*SERVICES, *more):
        await stack.start(name)
