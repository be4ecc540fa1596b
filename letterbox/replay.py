"""`letterbox replay`: a service's own handlers run again over a slice of the stream, beside live traffic."""

import argparse
import asyncio
import json
import sys
from dataclasses import dataclass
from datetime import datetime

from nats.js.errors import NotFoundError

from letterbox.operator import operators_nats
from letterbox.progress_bar import ProgressBar
from letterbox.verify import moment
from libs.events.connect import Nats
from libs.events.journal import Journal
from libs.events.replay import PREFIX, Replays, narrowed
from libs.events.streams import DURABLES, ERASERS, Durable

LOOK_SECONDS = 0.3
COUNTING = "count-"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which service, and which slice."""
    parser.description = (
        "Runs the handlers of a running service again over a part of the stream. Handlers are idempotent, so replaying "
        "what was handled changes nothing; what was lost is made again. Nothing is published and no mail is sent "
        "unless --effects says so; notifier then rebuilds its ledger only. Interrupted, the same command goes on."
    )
    names = sorted({durable.name.split("-")[0] for durable in replayable("")})
    parser.add_argument("service", help=f"{', '.join(names)}, or one durable, e.g. indexer-index")
    parser.add_argument("--since", type=moment, help="from then on (ISO 8601; default: everything)")
    parser.add_argument("--until", type=moment, help="before then (default: now)")
    parser.add_argument("--subject", default="", help="only these subjects, e.g. 'document.extracted.>'")
    parser.add_argument("--submission", default="", metavar="ID", help="only this submission")
    parser.add_argument("--effects", action="store_true", help="also publish events and send mails that are owed")
    parser.add_argument("--dry-run", action="store_true", help="only count")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def replayable(service: str) -> list[Durable]:
    """The durables of a service, or the one of that name, that can be replayed; all for an empty name."""
    return [d for d in DURABLES if d not in ERASERS and (service in ("", d.name) or d.name.startswith(f"{service}-"))]


@dataclass(frozen=True, slots=True)
class Run:
    """One temporary consumer."""

    durable: Durable
    consumer: str
    until: int
    count: int


def run(arguments: argparse.Namespace) -> int:
    """Replay; 0 when it came to its end."""
    durables = replayable(arguments.service)
    if not arguments.service or not durables:
        print(f"There is nothing to replay for {arguments.service or 'no service'}.", file=sys.stderr)
        return 2
    try:
        counts = asyncio.run(_replay(arguments, durables))
    except KeyboardInterrupt:
        print("\nInterrupted; the service goes on. The same command shows how far it is.", file=sys.stderr)
        return 130
    if arguments.json:
        print(json.dumps(counts))
    else:
        for name, count in counts.items():
            print(f"{name}: {count} messages{' would be handled again' if arguments.dry_run else ' handled again'}")
    return 0


async def _replay(arguments: argparse.Namespace, durables: list[Durable]) -> dict[str, int]:
    async with operators_nats() as nc:
        runs = [await _begin(nc, arguments, durable) for durable in durables]
        begun = [one for one in runs if one is not None]
        if not arguments.dry_run:
            await asyncio.gather(*(_follow(nc, one) for one in begun))
        return {one.durable.name: one.count for one in begun}


async def _begin(nc: Nats, arguments: argparse.Namespace, durable: Durable) -> Run | None:
    subjects = narrowed(durable, subject=arguments.subject, submission_id=arguments.submission)
    if not subjects:
        return None
    journal = Journal(nc)
    since: datetime | None = arguments.since
    first = await journal.sequence_at(since) if since else 1
    last = (await journal.state()).last
    until = await journal.sequence_at(arguments.until) - 1 if arguments.until else last
    replays = Replays(nc)
    if arguments.dry_run:
        return Run(durable, "", until, await _count(replays, durable, subjects, first, until))
    consumer = PREFIX + durable.name
    progress = await replays.begin(consumer, subjects, since=first, until=until, effects=arguments.effects)
    beyond = await _count(replays, durable, subjects, until + 1, last) if until < last else 0
    return Run(durable, consumer, until, max(0, progress.left - beyond))


async def _count(replays: Replays, durable: Durable, subjects: list[str], first: int, until: int) -> int:
    """Messages from `first` to `until`, as a consumer that nobody reads counts them."""
    total = 0
    for begin, sign in ((first, 1), (until + 1, -1)):
        name = f"{COUNTING}{durable.name}"
        total += sign * (await replays.begin(name, subjects, since=begin, until=0)).left
        await replays.end(name)
    return total


async def _follow(nc: Nats, one: Run) -> None:
    """Show the progress until the slice is done, then remove the temporary consumer."""
    replays, bar = Replays(nc), ProgressBar(f"{one.durable.name} ", one.count)
    while True:
        try:
            progress = await replays.progress(one.consumer)
        except NotFoundError:
            break
        bar.at(max(0, one.count - progress.left))
        if progress.left == 0 or (progress.position >= one.until and progress.in_hand == 0):
            await replays.end(one.consumer)
            break
        await asyncio.sleep(LOOK_SECONDS)
    bar.end()
