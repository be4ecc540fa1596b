"""How much is published while a replay reads the stream: by what the server says is left, with every delivery.

A replay is in no hurry. Niceness alone is too little: what it asks of NATS and of the disk has no priority, and that is
what a visitor's message waits for (measured: accepting fell to half beside a replay of the lowest priority).
"""

import time

BUSY_PER_SECOND = 50
"""Fewer are no reason to go slower."""
LOOK_SECONDS = 0.25
LONGEST_REST_SECONDS = 2.0


class Traffic:
    """What is published on the subjects of one replay."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._published = 0
        self._looked = time.monotonic()
        self._busy = False

    def delivered(self, left: int, deliveries: int) -> None:
        """One was delivered for the `deliveries`-th time, and `left` are to come: one less than before a first one."""
        if self._left is not None and deliveries == 1:
            self._published += left + 1 - self._left
        self._left = left

    def rest_after(self, worked: float) -> float:
        """For how many seconds to rest after `worked` seconds: as long, while others publish."""
        now = time.monotonic()
        if now - self._looked >= LOOK_SECONDS:
            self._busy = self._published > BUSY_PER_SECOND * (now - self._looked)
            self._published, self._looked = 0, now
        return min(worked, LONGEST_REST_SECONDS) if self._busy else 0.0
