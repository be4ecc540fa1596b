"""`GET /contact/{id}/events`: the journey as server-sent events.

An open page costs two core subscriptions as a nudge (EVENTS repeats the headers of what it stores), a look after each,
and another look now and then; not a JetStream consumer each. The stream sequence is the event id, so a client that
reconnects with `Last-Event-ID` gets what it missed.
"""

import asyncio
import json
import time

from aiohttp import web

from libs.events.errors import Transient
from libs.events.nudge import nudged
from services.ingest.journey import TERMINAL, Journey, step
from services.ingest.parts import Parts

LOOK_EVERY_SECONDS = 5.0
HEARTBEAT_SECONDS = 15.0


async def follow(response: web.StreamResponse, journey: Journey, after: int, parts: Parts) -> None:
    """Write events beyond the sequence `after` until the journey ends, the stream is old, or the service stops."""
    until = time.monotonic() + parts.settings.journey_seconds
    last_word = time.monotonic()
    async with nudged(parts.nc, journey.submission_id) as nudge:
        news = journey.events()
        while True:
            for stored in news:
                if stored.sequence > after:
                    await response.write(_message(stored.sequence, step(stored)))
                    last_word = time.monotonic()
            if journey.status() in TERMINAL:
                await response.write(
                    b"event: end\ndata: " + json.dumps({"status": journey.status()}).encode() + b"\n\n"
                )
                return
            if time.monotonic() > until or parts.closing.is_set():
                return
            if time.monotonic() - last_word > HEARTBEAT_SECONDS:
                await response.write(b": still here\n\n")
                last_word = time.monotonic()
            await _nudge_or_pause(nudge, parts.closing)
            try:
                news = await journey.look()
            except Transient:
                news = []


async def _nudge_or_pause(nudge: asyncio.Event, closing: asyncio.Event) -> None:
    waits = [asyncio.create_task(nudge.wait()), asyncio.create_task(closing.wait())]
    try:
        await asyncio.wait(waits, timeout=LOOK_EVERY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    nudge.clear()


def _message(identity: int, data: dict[str, object]) -> bytes:
    return f"id: {identity}\ndata: {json.dumps(data)}\n\n".encode()
