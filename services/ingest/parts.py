"""What ingest's handlers need, gathered in one place."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from libs.events.connect import Nats
from libs.events.history import History
from libs.events.publish import Publisher
from libs.objects.store import ObjectStore
from services.ingest.rates import Rates
from services.ingest.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What ingest's handlers need."""

    settings: Settings
    nc: Nats
    history: History
    publisher: Publisher
    objects: ObjectStore
    slots: asyncio.Semaphore
    by_address: Rates
    by_form: Rates
    journeys: asyncio.Semaphore
    closing: asyncio.Event


PARTS = web.AppKey("parts", Parts)
