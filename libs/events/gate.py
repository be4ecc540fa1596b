"""The gate of a consumer: closed while a dependency is away, so that nobody starts what cannot be finished.

One delivery probes by trying again with growing pauses; the others wait. The delivery count does not rise meanwhile,
because every delivery in hand is kept alive with in-progress.
"""

import asyncio
import logging

from libs.events import metrics
from libs.events.errors import Transient

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0


class Gate:
    """Whether the dependencies of one consumer are there, as its last attempt found out."""

    def __init__(self, durable: str) -> None:
        self._durable = durable
        self._open = asyncio.Event()
        self._open.set()
        self._dependency = ""
        self._pause = FIRST_PAUSE_SECONDS

    @property
    def is_open(self) -> bool:
        """Whether new work may be fetched."""
        return self._open.is_set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        await self._open.wait()

    def count(self, error: Transient) -> None:
        """Count one attempt that a dependency ended."""
        metrics.DEPENDENCY_FAILURES.labels(self._durable, error.dependency).inc()

    def close(self, error: Transient) -> bool:
        """Close the gate; True for the one who closed it, who has to probe and must call `open` in the end."""
        if not self._open.is_set():
            return False
        self._open.clear()
        self._dependency = error.dependency
        self._pause = FIRST_PAUSE_SECONDS
        metrics.PAUSED.labels(self._durable, self._dependency).set(1)
        log.warning("waiting for a dependency", extra={"durable": self._durable, "error": str(error)})
        return True

    async def before_next_probe(self) -> None:
        """Sleep before the next attempt; each pause is longer than the one before, up to a limit."""
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)

    def open(self) -> None:
        """The dependency answered: let everyone through."""
        metrics.PAUSED.labels(self._durable, self._dependency).set(0)
        log.info("the dependency is back", extra={"durable": self._durable, "dependency": self._dependency})
        self._open.set()
