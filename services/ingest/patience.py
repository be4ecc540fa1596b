"""Patience with a body that arrives slowly: some, then none."""

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

from libs.service.http import Problem

T = TypeVar("T", bytes, bytearray)


class Patience:
    """Watches one body: no pause longer than `idle`, and after `grace` no less than `slowest` bytes a second."""

    def __init__(self, idle: float, grace: float, slowest: int) -> None:
        self._idle = idle
        self._grace = grace
        self._slowest = slowest
        self._began = time.monotonic()
        self._received = 0

    async def next(self, reading: Awaitable[T]) -> T:
        """The next piece of the body. Raises Problem (408) when patience ends."""
        try:
            async with asyncio.timeout(self._idle):
                piece = await reading
        except TimeoutError:
            raise self._too_slow() from None
        self.spent(len(piece))
        return piece

    def spent(self, received: int) -> None:
        """Count `received` bytes. Raises Problem (408) when the body came too slowly so far."""
        self._received += received
        seconds = time.monotonic() - self._began
        if seconds > self._grace and self._received < self._slowest * seconds:
            raise self._too_slow()

    @staticmethod
    def _too_slow() -> Problem:
        return Problem(408, "The message arrived too slowly. Please try again.", headers={"Connection": "close"})
