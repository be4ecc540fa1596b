"""Messages that crossed their last delivery because processes died over them: the server's advisories make them dead
letters, as an exception would.
"""

import asyncio
import json
import logging

from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.events.dead_letters import EXHAUSTED_REASON, keep
from libs.events.errors import Transient
from libs.events.journal import Journal
from libs.events.pull import Puller
from libs.events.streams import ADVISORIES, ADVISORY_DURABLE

log = logging.getLogger(__name__)

BATCH = 50
AGAIN_SECONDS = 2.0
REPLAY = "replay-"


async def bury_exhausted(nc: Client) -> None:
    """Turn advisories into dead letters until cancelled; several instances may do it at once."""
    waiting: asyncio.Queue[Msg] = asyncio.Queue()
    puller = Puller(nc, ADVISORY_DURABLE, waiting.put_nowait, ADVISORIES)
    await puller.start()
    journal = Journal(nc)
    while True:
        try:
            if waiting.empty():
                await puller.pull(BATCH)
            while not waiting.empty():
                message = waiting.get_nowait()
                await _bury(nc, journal, message)
                await nc.publish(message.reply, b"+ACK")
        except (Transient, ConnectionError) as error:  # what is not acknowledged comes again
            log.warning("cannot bury exhausted messages now", extra={"error": str(error)})
            await asyncio.sleep(AGAIN_SECONDS)


async def _bury(nc: Client, journal: Journal, message: Msg) -> None:
    advisory = json.loads(message.data)
    durable, sequence = str(advisory["consumer"]), int(advisory["stream_seq"])
    entry = await journal.get(sequence)
    if entry is None:
        log.error("an exhausted message is not in the stream", extra={"durable": durable, "sequence": sequence})
        return
    await keep(nc, durable.removeprefix(REPLAY), entry, EXHAUSTED_REASON, int(advisory["deliveries"]))
    log.error("a message killed its handler's process", extra={"durable": durable, "sequence": sequence})
