"""`letterbox provision`: create or update the streams and durable consumers."""

import argparse
import asyncio

from pydantic import Field

from libs.events.connect import connected
from libs.events.streams import DURABLES, provision
from libs.service.settings import NatsSettings, load


class ProvisionSettings(NatsSettings):
    """Who may create streams, and how they are kept."""

    nats_replicas: int = Field(default=1, ge=1, le=5, description="Copies of each stream; 3 in a cluster of three.")
    nats_max_age_seconds: float = Field(
        default=0, ge=0, description="Age at which events are forgotten; 0 keeps the journal for ever."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    parser.description = (
        "Creates or updates streams and durables as the user `provision`; doing it again changes nothing. Reads "
        "LETTERBOX_NATS_URL, LETTERBOX_NATS_USER, LETTERBOX_NATS_PASSWORD, LETTERBOX_NATS_REPLICAS and "
        "LETTERBOX_NATS_MAX_AGE_SECONDS. The local stack does it by itself."
    )


def run(_arguments: argparse.Namespace) -> int:
    """Provision, and say what is there."""
    settings = load(ProvisionSettings)
    asyncio.run(_provision(settings))
    print(f"The streams have {settings.nats_replicas} replicas; {len(DURABLES)} durables are there.")
    return 0


async def _provision(settings: ProvisionSettings) -> None:
    async with connected(settings) as nc:
        await provision(nc, settings.nats_max_age_seconds, settings.nats_replicas)
