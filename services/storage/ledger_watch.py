"""The ledger in the background: what arrived since the last look, and again what was open then."""

import asyncio
import logging

from prometheus_client import Counter, Gauge

from libs.events.errors import Transient
from libs.objects.store import ObjectStore
from libs.postgres.pool import postgres_errors
from services.storage.holdings import Holdings
from services.storage.ledger import WINDOW, Ledger, Tally

log = logging.getLogger(__name__)

OPEN = Gauge("letterbox_ledger_open", "Submissions with something still to come.")
OLDEST = Gauge("letterbox_ledger_oldest_seconds", "Age of the oldest open submission, 0 when there is none.")
MISSING = Gauge("letterbox_ledger_missing", "Things that accepted submissions lack now, and nobody is working on.")
FINDINGS = Counter("letterbox_ledger_findings_total", "What the ledger found, each time it looked.", ["kind", "store"])

PAUSE_SECONDS = 0.05
"""Between two windows, so that a long way to go does not press on live traffic."""


class LedgerWatch:
    """One look after another; the position is kept in PostgreSQL."""

    def __init__(self, ledger: Ledger, objects: ObjectStore) -> None:
        self._ledger = ledger
        self._holdings = Holdings(ledger.pool, objects, None, ledger.grace_seconds)
        self._open: dict[str, int] = {}
        self._position: int | None = None

    async def run(self, every_seconds: float) -> None:
        """Pause, look, and again, until cancelled; a store that is away ends a look, not the watch.

        It pauses first: a service that has just started has a backlog to work off.
        """
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self.look()
            except Transient as error:
                log.warning("the ledger has to wait", extra={"error": str(error)})

    async def look(self) -> Tally:
        """One look; returns what is open and missing now. Raises Transient when a store is away."""
        tally = Tally()
        before = list(self._open)
        async for finding in self._ledger.check_again(before, tally):
            FINDINGS.labels(finding.kind, finding.store).inc()
        settled = [one for one in before if one not in tally.opened]
        position, last = await self._begin(), (await self._ledger.journal.state()).last
        for low in range(position + 1, last + 1, WINDOW):
            window = Tally()
            async for finding in self._ledger.check(low, min(low + WINDOW - 1, last), window):
                FINDINGS.labels(finding.kind, finding.store).inc()
                log.warning("the ledger misses something", extra={"kind": finding.kind, "what": finding.what})
            _merge(tally, window)
            await asyncio.sleep(PAUSE_SECONDS)
        async for finding in self._holdings.check(tally, only=settled):
            FINDINGS.labels(finding.kind, finding.store).inc()
        self._open, self._position = tally.opened, last
        await self._keep(min([last, *(begin - 1 for begin in self._open.values())]))
        OPEN.set(tally.open)
        OLDEST.set(tally.oldest_seconds)
        MISSING.set(tally.of("missing"))
        return tally

    async def _begin(self) -> int:
        if self._position is None:
            with postgres_errors():
                self._position = int(await self._ledger.pool.fetchval("select sequence from ledger_position"))
        return self._position

    async def _keep(self, position: int) -> None:
        with postgres_errors():
            await self._ledger.pool.execute("update ledger_position set sequence = $1", max(0, position))


def _merge(tally: Tally, more: Tally) -> None:
    tally.submissions += more.submissions
    tally.open += more.open
    tally.oldest_seconds = max(tally.oldest_seconds, more.oldest_seconds)
    tally.opened |= more.opened
    tally.findings.update(more.findings)
