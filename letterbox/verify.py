"""`letterbox verify`: is everything that was accepted where it has to be?"""

import argparse
import asyncio
import dataclasses
import json
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from letterbox.operator import operators_index, operators_nats, operators_objects, operators_postgres
from letterbox.progress_bar import ProgressBar
from libs.events.connect import Nats
from libs.events.dead_letters import DeadLetters, redrive
from libs.events.journal import Journal
from libs.postgres.pool import postgres_errors
from services.storage.completeness import Finding
from services.storage.holdings import Holdings
from services.storage.ledger import Ledger, Tally

FINDINGS_MOST = 1000
"""Findings that are listed; all are counted."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The range, and what to do with what is found."""
    parser.description = (
        "Compares stream, database, object store, index and mail ledger. Exit status: 0 when all is well (what is on "
        "its way is well), 4 when something is missing, orphaned, duplicated or stuck."
    )
    parser.add_argument("--since", type=moment, help="only what was accepted from then on (ISO 8601)")
    parser.add_argument("--until", type=moment, help="only what was accepted before then")
    parser.add_argument("--grace", type=float, default=60, help="seconds a submission may take (60)")
    parser.add_argument("--repair", action="store_true", help="hand what is missing to the durable that owes it")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def moment(text: str) -> datetime:
    """A time as ISO 8601; without a zone it is UTC. Raises ValueError."""
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def run(arguments: argparse.Namespace) -> int:
    """Verify, print, repair."""
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    tally, findings = Tally(), list[Finding]()
    async with AsyncExitStack() as stack:
        nc = await stack.enter_async_context(operators_nats())
        pool = await stack.enter_async_context(operators_postgres())
        objects = await stack.enter_async_context(operators_objects())
        index = await stack.enter_async_context(operators_index())
        ledger = Ledger(Journal(nc), pool, arguments.grace)
        holdings = Holdings(pool, objects, index, arguments.grace)
        repaired, run_id = 0, secrets.token_hex(4)
        async for finding in _findings(arguments, ledger, holdings, tally):
            if len(findings) < FINDINGS_MOST:
                findings.append(finding)
            if arguments.repair and finding.owes:
                repaired += await _repair(nc, finding, run_id)
        letters = sum([1 async for _ in DeadLetters(nc).all()])
    bad = sum(tally.findings.values())
    if arguments.json:
        print(json.dumps(_as_json(tally, findings, letters, repaired), indent=2))
    else:
        _print(tally, findings, letters, repaired, repairing=arguments.repair)
    return 4 if bad or letters else 0


async def _findings(
    arguments: argparse.Namespace, ledger: Ledger, holdings: Holdings, tally: Tally
) -> AsyncIterator[Finding]:
    state = await ledger.journal.state()
    first = await ledger.journal.sequence_at(arguments.since) if arguments.since else 1
    last = await ledger.journal.sequence_at(arguments.until) - 1 if arguments.until else state.last
    bar = ProgressBar("stream ", last - first + 1)
    async for finding in ledger.check(first, last, tally, lambda at: bar.at(at - first)):
        yield finding
    bar.end()
    only = None
    with postgres_errors():
        if arguments.since or arguments.until:
            rows = await ledger.pool.fetch(
                "select id from contact_submissions where sequence between $1 and $2", first, last
            )
            only = [row["id"] for row in rows]
        total = (
            len(only) if only is not None else await ledger.pool.fetchval("select count(*) from contact_submissions")
        )
    bar = ProgressBar("objects and index ", total)
    async for finding in holdings.check(tally, only, bar.at):
        yield finding
    bar.end()


async def _repair(nc: Nats, finding: Finding, run_id: str) -> int:
    """Hand the event to the durable that owes; 0 when the event itself is gone."""
    journal, subject = Journal(nc), finding.subject
    if subject.endswith(".*"):
        subject = f"{subject.removesuffix('*')}{await journal.newest(subject)}"
    entries = await journal.of_subject(subject)
    for entry in entries[-1:]:
        await redrive(nc, finding.owes, entry, f"repair-{run_id}")
    return len(entries[-1:])


def _as_json(tally: Tally, findings: list[Finding], letters: int, repaired: int) -> dict[str, object]:
    return {
        "submissions": tally.submissions,
        "open": tally.open,
        "oldest_seconds": round(tally.oldest_seconds),
        "dead_letters": letters,
        "repaired": repaired,
        "counts": dict(sorted(tally.findings.items())),
        "findings": [dataclasses.asdict(finding) for finding in findings],
    }


def _print(tally: Tally, findings: list[Finding], letters: int, repaired: int, *, repairing: bool) -> None:
    for finding in findings:
        owed = f"  (owed by {finding.owes})" if finding.owes else ""
        print(f"{finding.kind:10} {finding.store:11} {finding.submission_id}  {finding.what}{owed}")
    hidden = sum(tally.findings.values()) - len(findings)
    if hidden:
        print(f"... and {hidden} more")
    print(f"{tally.submissions} submissions, {tally.open} open, {letters} dead letters")
    for name, count in sorted(tally.findings.items()):
        print(f"  {count} {name}")
    if repairing:
        print(f"{repaired} handed to the durable that owes them; verify again in a moment")
    if not tally.findings and not letters:
        print("Nothing is lost.")
    sys.stdout.flush()
