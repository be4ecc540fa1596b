"""`letterbox reindex`: the next search index is built beside the one that answers, compared, and swapped in."""

import argparse
import asyncio
import json
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field

from nats.js.errors import NotFoundError

from letterbox.extract_again import Changes, extract_again
from letterbox.local.failure import CannotStart
from letterbox.operator import index_settings, operators_nats
from letterbox.progress_bar import ProgressBar
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.replay import FOR_EVER, REINDEX, WATCH_SECONDS, Progress, Replays
from libs.events.streams import INDEXER_INDEX, INDEXER_REBUILD, Durable
from libs.index.choose import generations
from libs.index.protocol import Filters, Hit, Query, SearchIndex, Unavailable
from services.indexer.indexes import BUILDING, GENERATION, KEPT, PHASE

LOOK_SECONDS = 0.3
INDEXER_SECONDS = 60
"""How long to wait for indexer to take the work up."""
AGAIN_SECONDS = 2.0
SAMPLES = 200
SHOWN = 20
SINCE = "letterbox-from"
SWAPPING = "letterbox-swapping"
"""Set while the swap is done, and afterwards."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to build, or to go back to."""
    parser.description = (
        "Builds the next search index from the kept texts while the present one answers and live events go to both; "
        "compares them, swaps in one step, and keeps the old one. Interrupted, the same command goes on. Exit status: "
        "0 when swapped, 4 when the next index lacks documents (nothing is changed then)."
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--extract", action="store_true", help="first read every document again, one at a time")
    what.add_argument("--rollback", action="store_true", help="bring the kept index up to date and swap it back in")
    parser.add_argument("--force", action="store_true", help="swap even if the next index lacks documents")
    parser.add_argument("--json", action="store_true", help="print as JSON")


@dataclass(slots=True)
class Report:
    """What happened."""

    handled: int = 0
    live: int = 0
    next: int = 0
    lacking: list[str] = field(default_factory=list)
    """Documents that the live index has and the next one has not."""
    compared: int = 0
    different: list[str] = field(default_factory=list)
    """Of the documents compared, those that look otherwise in the next index."""
    swapped: bool = False
    extracted: Changes | None = None


def run(arguments: argparse.Namespace) -> int:
    """Build, compare, swap."""
    try:
        report = asyncio.run(_reindex(arguments))
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on.", file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps(asdict(report), indent=2))
    else:
        _print(report)
    return 0 if report.swapped else 4


async def _reindex(arguments: argparse.Namespace) -> Report:
    async with operators_nats() as nc:
        report = Report()
        building = Building(Journal(nc), Replays(nc), report)
        if arguments.rollback:
            await building.go_back()
        else:
            if arguments.extract:
                report.extracted = await extract_again(nc)
            await building.begin()
        await building.finish(force=arguments.force)
        return report


class Building:
    """One run, from the temporary consumer to the swap. Every method raises Transient or Unavailable."""

    def __init__(self, journal: Journal, replays: Replays, report: Report) -> None:
        self._journal = journal
        self._replays = replays
        self._report = report
        self._generations = generations(index_settings())

    async def begin(self) -> None:
        """Begin with an empty generation and the whole stream, or go on with what was interrupted."""
        progress = await self._progress()
        if progress is not None and progress.metadata.get(PHASE) == BUILDING:
            return
        if progress is not None:
            await self._replays.end(REINDEX)
        await self._consumer(1, BUILDING, await self._generations.new(), INDEXER_REBUILD)

    async def go_back(self) -> None:
        """Begin with the kept generation, and what came since it was swapped out."""
        progress = await self._progress()
        if progress is not None and progress.metadata.get(PHASE) == BUILDING:
            raise CannotStart("An index is being built; let `letterbox reindex` finish first.")
        if progress is None or progress.metadata[GENERATION] not in await self._generations.others():
            raise CannotStart("No index is kept from an earlier `letterbox reindex`.")
        await self._replays.end(REINDEX)
        await self._consumer(int(progress.metadata[SINCE]), BUILDING, progress.metadata[GENERATION], INDEXER_INDEX)

    async def finish(self, *, force: bool) -> None:
        """Follow until the next index is complete; compare, swap, and keep the old one."""
        progress = await self._attached()
        name = progress.metadata[GENERATION]
        # Every indexer has seen it by now: from here on, live events go to both.
        await asyncio.sleep(2 * WATCH_SECONDS)
        await self._caught_up()
        if name not in (await self._generations.others()):  # interrupted just behind the swap
            was = (await self._generations.others())[0]
        elif progress.metadata.get(SWAPPING):
            was = name  # interrupted within: both are complete, so whichever is live now stays
        else:
            if not await self._comparable(name) and not force:
                await self._replays.end(REINDEX)
                return
            await self._replays.change(REINDEX, {SWAPPING: "true"})
            was = await self._generations.swap(name)
        self._report.swapped = True
        await self._caught_up()
        await self._keep(was)

    async def _keep(self, name: str) -> None:
        """From here on only the live index is written; what the kept one has not got, it gets at a rollback."""
        since = await passed(self._journal, [INDEXER_INDEX.name]) + 1
        await self._replays.end(REINDEX)
        await asyncio.sleep(2 * WATCH_SECONDS)  # until indexer has let go: it must take nothing from the next consumer
        await self._consumer(since, KEPT, name, INDEXER_INDEX)

    async def _consumer(self, since: int, phase: str, generation: str, reads: Durable) -> None:
        progress = await self._replays.begin(
            REINDEX, reads.filters, since=since, until=FOR_EVER,
            metadata={PHASE: phase, GENERATION: generation, SINCE: str(since)},
        )  # fmt: skip
        self._report.handled = self._report.handled or progress.left

    async def _progress(self) -> Progress | None:
        try:
            return await self._replays.progress(REINDEX)
        except NotFoundError:
            return None

    async def _attached(self) -> Progress:
        """Wait until indexer pulls."""
        until = time.monotonic() + INDEXER_SECONDS
        first = await self._replays.progress(REINDEX)
        while True:
            progress = await self._replays.progress(REINDEX)
            if progress.waiting or progress.position > first.position:
                return progress
            if time.monotonic() > until:
                raise CannotStart("indexer does not take the work up; is it running? The same command goes on.")
            await asyncio.sleep(LOOK_SECONDS)

    async def _caught_up(self) -> None:
        """Wait until everything that is in the stream now is in the next index."""
        last = (await self._journal.state()).last
        progress = await self._replays.progress(REINDEX)
        total, bar = progress.left, ProgressBar("index ", progress.left)
        while progress.left and progress.floor < last:
            bar.at(max(0, total - progress.left))
            await asyncio.sleep(LOOK_SECONDS)
            progress = await self._replays.progress(REINDEX)
        bar.end()

    async def _comparable(self, name: str) -> bool:
        """Compare ids, counts and sampled documents; whether the next index has all that the live one has."""
        async with AsyncExitStack() as stack:
            opened = []
            for one in (await self._generations.live(), name):
                opened.append(await self._generations.open(one, writer=False))
                stack.push_async_callback(opened[-1].close)
            live, following = opened
            report = self._report
            report.live, report.next = await live.count(), await following.count()
            report.lacking, sample = await _lacking(live, following)
            await _compare(live, following, sample, report)
        return not report.lacking


async def _lacking(live: SearchIndex, following: SearchIndex) -> tuple[list[str], list[str]]:
    """Ids that only `live` has, and a sample of those that both have."""
    suspects: list[str] = []
    sample: list[str] = []
    async for ids in live.ids():
        there = await following.occurrences(ids)
        suspects += [one for one, count in there.items() if not count]
        sample += [one for one, count in there.items() if count][: max(1, SAMPLES // 16)]
    if suspects:
        await asyncio.sleep(AGAIN_SECONDS)  # what is being erased goes from one after the other
    lacking = []
    for begin in range(0, len(suspects), 1000):
        some = suspects[begin : begin + 1000]
        now, then = await live.occurrences(some), await following.occurrences(some)
        lacking += [one for one in some if now[one] and not then[one]]
    step = max(1, len(sample) // SAMPLES)
    return lacking, sample[::step][:SAMPLES]


async def _compare(live: SearchIndex, following: SearchIndex, sample: list[str], report: Report) -> None:
    for document in sample:
        one, other = await _looked_up(live, document), await _looked_up(following, document)
        if one is None or other is None:  # erased a moment ago
            continue
        report.compared += 1
        if one != other:
            report.different.append(document)


async def _looked_up(index: SearchIndex, document: str) -> tuple[object, ...] | None:
    filters = Filters(contact_id=(document.split("-")[0],))
    hits = (await index.search(Query(filters=filters, limit=1000))).hits
    found: list[Hit] = [hit for hit in hits if hit.document_id == document]
    if not found:
        return None
    hit = found[0]
    known = (hit.filename, hit.title, hit.document_type, hit.tags, hit.language, hit.status, hit.created_at, hit.size)
    return (*known, hit.highlights)


def _print(report: Report) -> None:
    if report.extracted is not None:
        changed = report.extracted
        print(f"{changed.read} documents read again: {changed.unchanged} unchanged, {len(changed.changes)} changed")
        for document, differences in list(changed.changes.items())[:SHOWN]:
            print(f"  {document}  {', '.join(differences)}")
    print(f"{report.handled} messages of the stream written into the next index")
    if report.live or report.next:
        print(f"{report.live} documents before, {report.next} after; {report.compared} compared")
    for what, ids in (("differs", report.different), ("LACKING", report.lacking)):
        for one in ids[:SHOWN]:
            print(f"  {what}  {one}")
    if report.swapped:
        print("Swapped. `letterbox reindex --rollback` swaps back.")
    else:
        print(
            f"The next index lacks {len(report.lacking)} documents; nothing was changed (--force swaps all the same)."
        )
