"""`letterbox erase`: erase every copy of a submission, or of all that an address sent, and print the receipts."""

import argparse
import asyncio
import json
import re
import sys
import time
from collections.abc import Sequence

from letterbox.operator import operators_nats, operators_postgres
from libs.events.catalogue import ErasureDone, ErasureRequested, SubmissionCreated
from libs.events.connect import Nats
from libs.events.errors import InvalidEvent, SubjectTaken, Transient
from libs.events.history import History
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.publish import Publisher
from libs.events.streams import STORAGE_RECORD
from libs.postgres.pool import postgres_errors

SUBMISSION_ID = re.compile(r"[0-9a-f]{32}")
CATCH_UP_SECONDS = 10.0
OWNERS = ("storage", "indexer", "notifier", "stream")
REMAINS = (
    "Mails that went out are in other people's mailboxes; nobody can take them back. Backups made before now still "
    "hold the submission until they expire; a restore erases it again: its id is on the list of erased ids."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to erase, and how long to wait."""
    parser.description = (
        "Erases every copy: database, files, extracted texts, search index, stream, dead letters, mail ledger. Prints "
        "a receipt for each submission once every owner of a copy has answered."
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--submission", metavar="ID", help="one submission, by its id")
    what.add_argument("--email", metavar="ADDRESS", help="everything this address sent")
    parser.add_argument("--wait", type=float, default=60, help="seconds to wait for the receipts (60)")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Erase; 0 when every receipt is final, 3 when some are still open, 1 when there is nothing to erase."""
    if arguments.submission and not SUBMISSION_ID.fullmatch(arguments.submission):
        print("A submission's id has 32 hexadecimal digits.", file=sys.stderr)
        return 2
    receipts = asyncio.run(_erase(arguments))
    if not receipts:
        print("There is nothing to erase.", file=sys.stderr)
        return 1
    if arguments.json:
        print(json.dumps({"receipts": receipts, "remains": REMAINS}, indent=2))
    else:
        _print(receipts)
    return 0 if all(receipt["final"] for receipt in receipts) else 3


async def _erase(arguments: argparse.Namespace) -> list[dict[str, object]]:
    async with operators_nats() as nc:
        if arguments.email:
            ids = await _of_address(nc, arguments.email)
        else:
            known = await History(nc).read(f"{SubmissionCreated.type}.{arguments.submission}")
            ids = [arguments.submission] if known is not None or await _in_record(arguments.submission) else []
        publisher = Publisher(nc, "operator")
        for submission_id in ids:
            try:
                await publisher.publish(ErasureRequested(submission_id=submission_id, reason="operator"), "operator")
            except SubjectTaken:
                continue  # it was asked for before: its receipt is the same
        until = time.monotonic() + arguments.wait
        return [await _receipt(History(nc), submission_id, until) for submission_id in ids]


async def _in_record(submission_id: str) -> bool:
    async with operators_postgres(1) as pool:
        with postgres_errors():
            return bool(await pool.fetchval("select 1 from contact_submissions where id = $1", submission_id))


async def _of_address(nc: Nats, address: str) -> Sequence[str]:
    """Ids of all that `address` sent: the record's, and what the stream holds that the record has not taken in yet."""
    journal = Journal(nc)
    last = (await journal.state()).last
    until = time.monotonic() + CATCH_UP_SECONDS
    while True:
        reached = await passed(journal, [STORAGE_RECORD.name])
        if reached >= last or time.monotonic() > until:
            break
        await asyncio.sleep(0.2)
    found: dict[str, None] = {}
    async with operators_postgres(1) as pool:
        with postgres_errors():
            rows = await pool.fetch("select id from contact_submissions where lower(email) = lower($1)", address)
    found.update(dict.fromkeys(row["id"] for row in rows))
    if reached < last:
        async for entries in journal.walk(reached + 1, last):
            for entry in entries:
                if not entry.subject.startswith(f"{SubmissionCreated.type}."):
                    continue
                try:
                    event, _ = entry.open()
                except InvalidEvent:
                    continue
                if isinstance(event, SubmissionCreated) and event.email.lower() == address.lower():
                    found[event.submission_id] = None
    return list(found)


async def _receipt(history: History, submission_id: str, until: float) -> dict[str, object]:
    answers: dict[str, ErasureDone] = {}
    while True:
        for owner in OWNERS:
            if owner in answers:
                continue
            try:
                stored = await history.read(f"{ErasureDone.type}.{submission_id}.{owner}")
            except Transient:
                continue
            if stored is not None and isinstance(stored.event, ErasureDone):
                answers[owner] = stored.event
        final = len(answers) == len(OWNERS)
        if final or time.monotonic() >= until:
            mails = sorted({target for answer in answers.values() for target in answer.mails})
            removed = {owner: answers[owner].removed for owner in OWNERS if owner in answers}
            return {"submission": submission_id, "final": final, "removed": removed, "mails that went out": mails}
        await asyncio.sleep(0.3)


def _print(receipts: Sequence[dict[str, object]]) -> None:
    for receipt in receipts:
        print(f"{receipt['submission']}  {'erased' if receipt['final'] else 'NOT FINAL YET'}")
        removed = receipt["removed"]
        assert isinstance(removed, dict)
        for owner in OWNERS:
            counts = removed.get(owner)
            said = "no answer yet" if counts is None else ", ".join(f"{n} {what}" for what, n in counts.items())
            print(f"  {owner:9} {said}")
        mails = receipt["mails that went out"]
        assert isinstance(mails, list)
        print(f"  mails     {', '.join(f'to the {target}' for target in mails) or 'none'} went out before")
    print(REMAINS)
