"""How much the streams hold: the journal grows for ever by default, and dead letters wait in theirs."""

import asyncio
import logging
from collections.abc import Sequence

from prometheus_client import Gauge

from libs.events.errors import Transient
from libs.events.journal import Journal

log = logging.getLogger(__name__)

MESSAGES = Gauge("stream_messages", "Messages in a stream: `DEAD_LETTERS` is what waits for the owner.", ["stream"])
BYTES = Gauge("stream_bytes", "Bytes of a stream's messages.", ["stream"])

EVERY_SECONDS = 10.0


async def watch_streams(journals: Sequence[Journal]) -> None:
    """Look again and again, until cancelled; while NATS does not answer, what was seen last stands."""
    while True:
        for journal in journals:
            try:
                state = await journal.state()
            except Transient as error:
                log.debug("cannot read a stream's state", extra={"error": str(error)})
                break
            MESSAGES.labels(journal.stream).set(state.messages)
            BYTES.labels(journal.stream).set(state.bytes)
        await asyncio.sleep(EVERY_SECONDS)
