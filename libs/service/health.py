"""Health: alive while the process answers, ready while everything it needs answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

log = logging.getLogger(__name__)

Check = Callable[[], Awaitable[None]]
"""Raises when what it checks is not there."""

CHECK_TIMEOUT_SECONDS = 2.0


class Health:
    """What a service needs, each by a name and a check."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._started = False
        self._standing_by = False
        self._stopping = False

    def needs(self, name: str, check: Check) -> None:
        """From now on the service is ready only while `check` passes."""
        self._checks[name] = check

    def started(self) -> None:
        """The service has begun its work."""
        self._started = True

    def standing_by(self) -> None:
        """Another instance does the work that only one may do; this one is ready to take over."""
        if not self._standing_by:
            log.info("standing by")
        self._standing_by = True

    @property
    def has_started(self) -> bool:
        """Whether the service has begun its work."""
        return self._started

    def stopping(self) -> None:
        """The service takes no new work."""
        self._stopping = True

    async def missing(self) -> list[str]:
        """The names of what is missing now; none when the service is ready."""
        if self._stopping:
            return ["stopping"]
        results = await asyncio.gather(*(self._passes(check) for check in self._checks.values()))
        missing = [name for name, passes in zip(self._checks, results, strict=True) if not passes]
        if not self._started and not self._standing_by and not missing:
            return ["starting"]
        return missing

    async def _passes(self, check: Check) -> bool:
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
                await check()
        except Exception as error:  # noqa: BLE001 - whatever a check raises means the same: not ready
            log.debug("a health check failed", extra={"error": type(error).__name__})
            return False
        return True
