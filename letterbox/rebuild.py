"""`letterbox rebuild`: record, mail ledger and search index from nothing but the stream and the objects."""

import argparse
import asyncio
import sys
from pathlib import Path

from letterbox.backups.erased import Erased, read_list
from letterbox.backups.finish import Finished, finish
from letterbox.backups.load import Loaded, rebuild
from letterbox.backups.local import servers_alone, start_services
from letterbox.backups.manifest import Unusable
from letterbox.local.home import Home
from letterbox.restore import report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which part of the work."""
    parser.description = (
        "Makes database and search index anew, when both are lost and the stream (kept whole) and the objects are "
        "not. Publishes nothing that was published, and sends no mail. Local: the system must not run; start it "
        "afterwards with `letterbox up`. Elsewhere the services must not run for `--stage load`, and must for "
        "`--stage finish`. Exit status 4: rebuilt, but something is missing."
    )
    parser.add_argument("--stage", choices=("load", "finish"), help="only this part")
    parser.add_argument("--erased", type=Path, metavar="FILE", help="a list of ids that have to be erased, too")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Rebuild; 0 when nothing is missing."""
    try:
        ids = read_list(arguments.erased) if arguments.erased else []
        if arguments.stage == "load":
            return report(asyncio.run(rebuild()), None, arguments)
        if arguments.stage == "finish":
            return report(None, asyncio.run(finish(ids)), arguments)
        return report(*asyncio.run(_local(ids)), arguments)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 1


async def _local(ids: list[Erased]) -> tuple[Loaded, Finished]:
    async with servers_alone(Home.from_environment()) as stack:
        loaded = await rebuild()
        await start_services(stack)
        return loaded, await finish(ids)
