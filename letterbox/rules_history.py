"""All documents as rules look at them: what changed rules would make of each, and indexer made to do it.

Read from the kept texts, in the order of the ids, a bounded number of bytes at once. What changes is handed to indexer
again with the event that indexed it; indexer looks at the rules that count, keeps the text with its new tags, updates
the index and tells of it. So what is done once is not done again, and an interrupted run goes on when it is repeated.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from letterbox.extract_again import ANSWER_SECONDS, LOOK_SECONDS, handled
from letterbox.progress_bar import ProgressBar
from letterbox.rules_report import Report
from libs.events.catalogue import MESSAGE, DocumentExtracted, DocumentFailed, SubmissionStored, document_id
from libs.events.connect import Nats
from libs.events.dead_letters import redrive
from libs.events.errors import Transient
from libs.events.history import History
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.streams import INDEXER_INDEX
from libs.objects.store import TEXTS, MissingObject, ObjectStore
from services.indexer import active_rules, tagging, texts
from services.indexer.active_rules import Active, Revision
from services.indexer.texts import KeptText

TEXTS_AT_ONCE, BYTES_AT_ONCE = 64, 32 << 20
AT_ONCE = 16
CHANGED_AT_ONCE = 200
"""Documents handed to indexer before it is waited for."""
IDS = 1 << 16
"""Ids are random, so their first four digits tell how far a run is."""


@dataclass(frozen=True, slots=True)
class Range:
    """Which documents are looked at: by when their submission was accepted, and how many at most."""

    since: datetime | None = None
    until: datetime | None = None
    limit: int = 0
    """0 for all."""

    def covers(self, text: KeptText) -> bool:
        """Whether a document is within the times."""
        return (self.since is None or self.since <= text.created_at) and (
            self.until is None or text.created_at < self.until
        )


T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Past:
    """All that was indexed. Every method raises Transient when NATS or the store is away."""

    nc: Nats
    objects: ObjectStore

    async def tested(self, active: Active, within: Range) -> Report:
        """What would change if these were the rules."""
        report = Report()
        async for batch in self._texts(within):
            report.looked_at += len(batch)
            for text in batch:
                text = await self._completed(text)
                after = tagging.anew(text, active)
                if after is not None and await self._is_newest(text):
                    report.add(text, after)
        return report

    async def applied(self, revision: Revision, active: Active | None) -> Report:
        """Bring every document up to `revision`; without `active`, which only indexer may know, it decides alone."""
        await self._counted()
        report, waiting = Report(), list[KeptText]()
        async for batch in self._texts(Range()):
            report.looked_at += len(batch)
            concerned = [text for text in batch if await self._concerned(text, revision, active)]
            waiting += [text.model_copy(update={"pages": ()}) for text in concerned]  # they may be large
            if len(waiting) >= CHANGED_AT_ONCE:
                await self._change(waiting, revision, report)
                waiting = []
        await self._change(waiting, revision, report)
        return report

    async def _concerned(self, text: KeptText, revision: Revision, active: Active | None) -> bool:
        if active is not None:
            return tagging.anew(await self._completed(text), active) is not None
        made, restored = (tagging.revision_of(version) for version in (text.rules, text.restored))
        return revision.undoes <= made < revision.revision and restored < revision.revision

    async def _change(self, some: Sequence[KeptText], revision: Revision, report: Report) -> None:
        """Have indexer change these, and see what it made of them."""
        sequences = await _several(some, lambda text: self._hand_over(text, revision, report))
        if max(sequences, default=0):
            await handled(Journal(self.nc), INDEXER_INDEX.name, max(sequences))
        for before, sequence in zip(some, sequences, strict=True):
            after = await self._read(before.key) if sequence else None
            if after is not None and after.revision > before.revision:
                report.add(before, after)

    async def _hand_over(self, text: KeptText, revision: Revision, report: Report) -> int:
        """The sequence of what indexer was handed; 0 when there is nothing to hand over."""
        subject = f"{SubmissionStored.type}.{text.submission_id}"
        if text.number != MESSAGE:
            if not await self._is_newest(text):
                return 0
            subject = f"{DocumentExtracted.type}.{text.submission_id}.{text.number}.{text.generation}"
        journal = Journal(self.nc)
        entries = await journal.of_subject(subject)
        if not entries:
            report.out_of_reach.append(document_id(text.submission_id, text.number))
            return 0
        return await redrive(self.nc, INDEXER_INDEX.name, entries[-1], f"rules-{revision.revision}")

    async def _is_newest(self, text: KeptText) -> bool:
        """Whether no later reading is known, which may have failed."""
        if text.number == MESSAGE:
            return True
        following = f"{text.submission_id}.{text.number}.{text.generation + 1}"
        history = History(self.nc)
        return not any([await history.read(f"{kind.type}.{following}") for kind in (DocumentExtracted, DocumentFailed)])

    async def _completed(self, text: KeptText) -> KeptText:
        if tagging.is_complete(text):
            return text
        submission = await History(self.nc).submission(text.submission_id)
        return text if submission is None else tagging.completed(text, submission)

    async def _counted(self) -> None:
        """Wait until every indexer tags with the rules that count: what was begun with older ones is done."""
        await asyncio.sleep(active_rules.LOOK_SECONDS + 1)
        journal = Journal(self.nc)
        begun = int((await journal.consumer(INDEXER_INDEX.name))["delivered"]["stream_seq"])
        until = time.monotonic() + ANSWER_SECONDS
        while await passed(journal, [INDEXER_INDEX.name]) < begun:
            if time.monotonic() > until:
                raise Transient(INDEXER_INDEX.name, f"nothing done within {ANSWER_SECONDS} s; is indexer running?")
            await asyncio.sleep(LOOK_SECONDS)

    async def _texts(self, within: Range) -> AsyncIterator[list[KeptText]]:
        """The newest reading of every document within a range, in batches."""
        bar, left = ProgressBar("documents ", IDS), within.limit
        async for keys in self._batches():
            read = await _several(keys, self._read)
            batch = [text for text in read if text is not None and within.covers(text)]
            if within.limit:
                batch = batch[:left]
                left -= len(batch)
            yield batch
            bar.at(int(keys[-1].split("/")[1][:4], 16))
            if within.limit and not left:
                break
        bar.end()

    async def _batches(self) -> AsyncIterator[list[str]]:
        keys, size = list[str](), 0
        async for key, more in self._newest():
            if keys and (len(keys) == TEXTS_AT_ONCE or size + more > BYTES_AT_ONCE):
                yield keys
                keys, size = [], 0
            keys.append(key)
            size += more
        if keys:
            yield keys

    async def _newest(self) -> AsyncIterator[tuple[str, int]]:
        """Key and size of the newest reading of each document; the keys of one submission follow each other."""
        submission, found = "", dict[str, tuple[int, str, int]]()
        async for key, _, size in self.objects.keys(TEXTS):
            _, owner, name = key.split("/")
            if owner != submission:
                for _, newest, its_size in found.values():
                    yield newest, its_size
                submission, found = owner, {}
            number, generation, _ = name.split(".")
            found[number] = max(found.get(number, (0, "", 0)), (int(generation), key, size))
        for _, newest, its_size in found.values():
            yield newest, its_size

    async def _read(self, key: str) -> KeptText | None:
        """None when it was erased a moment ago."""
        try:
            return await texts.load(self.objects, key)
        except MissingObject:
            return None


async def _several(some: Sequence[T], step: Callable[[T], Awaitable[R]]) -> list[R]:
    """What `step` gives for each, some at once."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(it: T) -> R:
        async with slots:
            return await step(it)

    return await asyncio.gather(*map(one, some))
