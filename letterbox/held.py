"""`letterbox held`: submissions that wait for a person to look at them; release or reject them."""

import argparse
import asyncio
import json
import sys

from letterbox.operator import operators_nats, operators_postgres
from libs.events.decisions import Decision, NotHeld, decide
from libs.events.history import History
from libs.events.publish import Publisher
from libs.postgres.pool import postgres_errors

LIST = """
select s.id, s.form, s.created_at, s.held
from contact_submissions s left join search_decisions d on d.contact_id = s.id
where s.held is not null and d.decision is null
order by s.created_at
limit $1
"""
DECISIONS: dict[str, Decision] = {"release": "released", "reject": "rejected"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list, release, reject."""
    parser.description = "Held submissions are kept and searchable; only their mails wait. A release sends them."
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="show what is held, oldest first")
    listing.add_argument("-n", "--limit", type=int, default=100, help="how many (100)")
    listing.add_argument("--json", action="store_true", help="print as JSON")
    for verb in DECISIONS:
        verbs.add_parser(verb, help=f"{verb} submissions").add_argument("id", nargs="+")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked; 1 when something could not be decided."""
    if arguments.verb == "list":
        return asyncio.run(_list(arguments))
    return asyncio.run(_decide(arguments.id, DECISIONS[arguments.verb]))


async def _list(arguments: argparse.Namespace) -> int:
    async with operators_postgres(1) as pool:
        with postgres_errors():
            rows = await pool.fetch(LIST, arguments.limit)
    shown = [{**dict(row), "created_at": row["created_at"].isoformat(timespec="seconds")} for row in rows]
    if arguments.json:
        print(json.dumps(shown, indent=2))
        return 0
    for row in shown:
        print(f"{row['id']}  {row['created_at']}  {row['form']}  {row['held']}")
    if not shown:
        print("Nothing is held.")
    return 0


async def _decide(ids: list[str], decision: Decision) -> int:
    failed = 0
    async with operators_nats() as nc:
        for submission_id in ids:
            try:
                await decide(Publisher(nc, "operator"), History(nc), submission_id, decision)
            except NotHeld as error:
                print(f"{submission_id}: {error}", file=sys.stderr)
                failed = 1
            else:
                print(f"{submission_id}: {decision}")
    return failed
