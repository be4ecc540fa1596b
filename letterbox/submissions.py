"""`letterbox submissions`: what arrived last, and how far it has come."""

import argparse
import asyncio
import json

from letterbox.migrate import postgres_settings
from libs.postgres.pool import postgres_errors, postgres_pool
from libs.service.settings import PostgresSettings

LIST = """
select s.id, s.form, s.created_at, s.held, count(d.id) - 1 as files,
       count(*) filter (where coalesce(t.status, 'stored') not in ('indexed', 'failed')) as open,
       count(*) filter (where t.status = 'failed') as failed
from contact_submissions s
join documents d on d.submission_id = s.id
left join document_states t on t.document_id = d.id
group by s.id
order by s.created_at desc
limit $1
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many, and how to print them."""
    parser.description = "Lists the last submissions with their progress; ids and counts, no personal data."
    parser.add_argument("-n", "--limit", type=int, default=20, help="how many (20)")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the list."""
    rows = asyncio.run(_list(postgres_settings("storage"), arguments.limit))
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    for row in rows:
        held = f"held: {row['held']}" if row["held"] else ""
        print(
            f"{row['id']}  {row['created_at']}  files {row['files']}  open {row['open']}  failed {row['failed']} {held}"
        )
    if not rows:
        print("No submission yet.")
    return 0


async def _list(settings: PostgresSettings, limit: int) -> list[dict[str, object]]:
    with postgres_errors():
        async with postgres_pool(settings, most=1) as pool:
            rows = await pool.fetch(LIST, limit)
    return [{**dict(row), "created_at": row["created_at"].isoformat(timespec="seconds")} for row in rows]
