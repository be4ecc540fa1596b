"""The janitor removes what nobody claims: originals and found files that no event and no row names, and uploads that
were never finished.

It removes an object only when both EVENTS and PostgreSQL answered that they do not know it, it is old enough, and the
stream reaches back further than the object does; otherwise it stays and is only counted.
"""

import asyncio
import logging
import time
from collections import defaultdict
from dataclasses import dataclass

from prometheus_client import Counter, Gauge

from libs.events.catalogue import DocumentFound
from libs.events.errors import Transient
from libs.events.history import History
from libs.objects.store import FAILURES, FOUND, ORIGINALS, ObjectStore, transient
from libs.postgres.pool import Pool, postgres_errors

log = logging.getLogger(__name__)

REMOVED = Counter(
    "janitor_removed_total", "Objects and unfinished uploads removed because nobody claims them.", ["kind"]
)
UNCLAIMED = Gauge("janitor_unclaimed_objects", "Old objects that nobody claims and that could not be proven orphaned.")

LOOK_UPS = 500
"""Submissions asked for at once; bounds the memory of a pass."""


@dataclass(frozen=True, slots=True)
class Janitor:
    """One pass after another over the originals and the files found inside them."""

    history: History
    pool: Pool
    objects: ObjectStore
    age_seconds: float

    async def run(self, every_seconds: float) -> None:
        """Pass, pause, and again, until cancelled; a dependency that is away ends a pass, not the janitor."""
        while True:
            try:
                await self.clean()
            except Transient as error:
                log.warning("the janitor's pass ended early", extra={"error": str(error)})
            await asyncio.sleep(every_seconds)

    async def clean(self) -> int:
        """One pass; returns how many objects were removed. Raises Transient when a dependency is away."""
        begins = await self.history.begins()
        oldest_event = None if begins is None else begins.timestamp()
        before = time.time() - self.age_seconds
        found: dict[str, list[tuple[str, float]]] = defaultdict(list)
        removed = unproven = 0
        for prefix in (ORIGINALS, FOUND):
            async for key, changed, _ in self.objects.keys(prefix):
                if changed >= before:
                    continue
                submission = key.removeprefix(prefix).split("/", 1)[0]
                if submission not in found and len(found) >= LOOK_UPS:
                    gone, kept = await self._sweep(found, oldest_event)
                    removed, unproven = removed + gone, unproven + kept
                    found.clear()
                found[submission].append((key, changed))
        gone, kept = await self._sweep(found, oldest_event)
        UNCLAIMED.set(unproven + kept)
        await self._abort_uploads(before)
        return removed + gone

    async def _sweep(self, found: dict[str, list[tuple[str, float]]], oldest_event: float | None) -> tuple[int, int]:
        """Remove what nobody names among `found`; returns (removed, kept although unclaimed)."""
        if not found:
            return 0, 0
        claimed = await self._in_record(list(found))
        for submission, items in found.items():
            claimed |= await self._in_stream(submission, [key for key, _ in items if key not in claimed])
        unclaimed = [item for items in found.values() for item in items if item[0] not in claimed]
        orphans = [key for key, changed in unclaimed if oldest_event is not None and oldest_event < changed]
        if orphans:
            await self.objects.delete(orphans)
            REMOVED.labels("object").inc(len(orphans))
            log.info("removed objects that nobody claims", extra={"count": len(orphans)})
        return len(orphans), len(unclaimed) - len(orphans)

    async def _in_record(self, submissions: list[str]) -> set[str]:
        with postgres_errors():
            rows = await self.pool.fetch(
                "select object_key from documents where submission_id = any($1) and object_key is not null", submissions
            )
        return {row["object_key"] for row in rows}

    async def _in_stream(self, submission: str, keys: list[str]) -> set[str]:
        """The keys that an event of the submission names, among what is asked for `keys`."""
        claimed = set()
        for key in keys:
            number = key.rsplit("/", 1)[1]
            if key.startswith(FOUND) and await self.history.read(f"{DocumentFound.type}.{submission}.{number}"):
                claimed.add(key)
        event = await self.history.submission(submission)
        return claimed if event is None else claimed | {attachment.object_key for attachment in event.attachments}

    async def _abort_uploads(self, before: float) -> None:
        store = self.objects
        try:
            answer = await store.client.list_multipart_uploads(Bucket=store.bucket, Prefix=ORIGINALS)
            for upload in answer.get("Uploads", ()):
                if upload["Initiated"].timestamp() >= before:
                    continue
                await store.client.abort_multipart_upload(
                    Bucket=store.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
                REMOVED.labels("upload").inc()
        except FAILURES as error:
            raise transient(error) from error
