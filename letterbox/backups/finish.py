"""The end of a restore or rebuild, while storage, indexer and notifier run, and before anybody may ask: what was erased
since is erased again, the search index is built, and what the snapshots cut off is repaired.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from letterbox.backups.erased import Erased, mark_copied
from letterbox.backups.load import Servers, servers
from letterbox.backups.manifest import Unusable
from letterbox.local.home import REPOSITORY
from libs.events.catalogue import ErasureRequested
from libs.events.dead_letters import redrive
from libs.events.errors import SubjectTaken
from libs.events.journal import Journal
from libs.events.publish import Publisher
from libs.events.streams import STORAGE_ERASURE
from libs.postgres.pool import postgres_errors

LOOK_SECONDS = 1.0
WAIT_SECONDS = 300.0
"""How long erasures, and what is still on its way, may take before it is told that they are not at their end."""
REPAIR_SECONDS = 30.0
"""How long what was handed over for repair may take before it is handed over again."""

OPEN = """
select (select count(*) from unnest($1::text[]) as listed (id) where not exists
           (select 1 from erasures e where e.submission_id = listed.id and e.final_at is not null))
     + (select count(*) from erasures where final_at is null and submission_id <> all($1))
"""
KNOWN = "select submission_id from erasures where submission_id = any($1)"


@dataclass(slots=True)
class Finished:
    """How the restored system is."""

    erased_again: list[str] = field(default_factory=list)
    erasures_open: int = 0
    documents: int = 0
    """Documents in the search index."""
    repaired: int = 0
    findings: list[dict[str, Any]] = field(default_factory=list)
    """What `letterbox verify` still finds."""
    dead_letters: int = 0

    @property
    def well(self) -> bool:
        """Whether nothing is missing."""
        return not self.findings and not self.erasures_open


async def finish(ids: Sequence[Erased]) -> Finished:
    """Erase `ids`, build the index, verify and repair. Raises Transient, or Unusable when a step cannot be done."""
    finished = Finished()
    async with servers() as there:
        finished.erased_again = await _erase(there, ids)
        finished.erasures_open = await _erasures_open(there, [one.submission_id for one in ids])
    finished.documents = (await _letterbox("reindex", "--force"))["next"]
    until, repair_at = time.monotonic() + WAIT_SECONDS, 0.0
    while True:
        repairing = time.monotonic() >= repair_at
        verified = await _letterbox("verify", "--grace", "0", *(["--repair"] if repairing else []))
        repair_at = time.monotonic() + REPAIR_SECONDS if repairing else repair_at
        finished.repaired += verified["repaired"]
        finished.findings, finished.dead_letters = verified["findings"], verified["dead_letters"]
        if (not verified["open"] and not verified["findings"]) or time.monotonic() > until:
            return finished
        if _hopeless(verified["findings"]) and not verified["open"]:
            return finished
        await asyncio.sleep(LOOK_SECONDS)


def _hopeless(findings: Sequence[dict[str, Any]]) -> bool:
    """Whether nobody owes anything of what is missing."""
    return all(not finding["owes"] for finding in findings)


async def _erase(there: Servers, ids: Sequence[Erased]) -> list[str]:
    """Ask for the erasure of what was erased since; returns those ids."""
    listed = [one.submission_id for one in ids]
    with postgres_errors():
        known = {row["submission_id"] for row in await there.postgres.fetch(KNOWN, listed)}
    publisher, journal = Publisher(there.nc, "operator"), Journal(there.nc)
    missing = [one for one in ids if one.submission_id not in known]
    for one in missing:
        event = ErasureRequested.model_validate({"submission_id": one.submission_id, "reason": one.reason})
        try:
            await publisher.publish(event, cause="restore")
        except SubjectTaken:  # it was asked for when the backup was made, and is handed over once more
            for entry in await journal.of_subject(event.subject):
                await redrive(there.nc, STORAGE_ERASURE.name, entry, "restore")
    return [one.submission_id for one in missing]


async def _erasures_open(there: Servers, ids: Sequence[str]) -> int:
    """Wait until every receipt is final; returns how many are not. What is restored is where the backups are."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        with postgres_errors():
            rows = await there.postgres.fetch("select submission_id from erasures where copied_at is null")
            await mark_copied(there.postgres, [row["submission_id"] for row in rows])
            still = int(await there.postgres.fetchval(OPEN, list(ids)))
        if not still or time.monotonic() > until:
            return still
        await asyncio.sleep(LOOK_SECONDS)


async def _letterbox(*arguments: str) -> Any:
    """What another verb of the command answers, as JSON."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "letterbox", *arguments, "--json",
        cwd=REPOSITORY, env=dict(os.environ), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    try:
        return json.loads(out)
    except ValueError:
        raise Unusable(f"letterbox {arguments[0]} failed: {err.decode(errors='replace').strip()[-500:]}") from None
