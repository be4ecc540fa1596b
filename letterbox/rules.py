"""`letterbox rules`: what changed tag rules would do to all documents, doing it, and taking it back."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from nats.js.errors import NotFoundError

from letterbox.local.failure import CannotStart
from letterbox.operator import operators_nats, operators_objects
from letterbox.rules_history import Past, Range
from letterbox.rules_report import Report
from letterbox.verify import moment
from libs.events.connect import Nats
from libs.events.replay import REINDEX, Replays
from services.indexer import active_rules
from services.indexer.active_rules import Active, Revision
from services.indexer.indexes import BUILDING, PHASE
from services.indexer.tags import DEFAULT_RULES, InvalidRules, Rules

CONFIGURED = "LETTERBOX_RULES_PATH"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with which file."""
    parser.description = (
        "Tries changed tag rules on all documents, makes them count, and takes that back. A document that came in "
        "meanwhile is tagged by the rules that count then. Interrupted, the same command goes on."
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    test = verbs.add_parser(
        "test",
        help="report what a rules file would change; changes nothing",
        description="Exit status: 0 when nothing would change, 4 when something would, 2 when the file is no good.",
    )
    test.add_argument("file", type=Path, metavar="FILE", help="the rules, as TOML")
    test.add_argument("--since", type=moment, help="only what was accepted from then on (ISO 8601)")
    test.add_argument("--until", type=moment, help="only what was accepted before then")
    test.add_argument("--limit", type=int, default=0, metavar="N", help="look at N documents at most")
    apply = verbs.add_parser("apply", help="make a rules file count, for what is there and what will come")
    apply.add_argument("file", type=Path, metavar="FILE", help="the rules, as TOML")
    undo = verbs.add_parser("undo", help="take the last `apply` back: the rules of before, the tags of before")
    show = verbs.add_parser("list", help="show the rules that count, and what was applied when")
    show.add_argument("--toml", action="store_true", help="print the rules file that counts, to change it")
    for verb in (test, apply, undo, show):
        verb.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Test, apply, undo or list."""
    verbs = {"test": _test, "apply": _apply, "undo": _undo, "list": _list}
    try:
        return asyncio.run(verbs[arguments.verb](arguments))
    except InvalidRules as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; the same command goes on.", file=sys.stderr)
        return 130


async def _test(arguments: argparse.Namespace) -> int:
    rules = Rules.load(arguments.file)
    within = Range(arguments.since, arguments.until, arguments.limit)
    async with operators_nats() as nc, operators_objects() as objects:
        known = await active_rules.revisions(objects)
        following = known[-1].revision + 1 if known else 1
        report = await Past(nc, objects).tested(Active(rules, following), within)
    _print(report, arguments, "would ")
    return 4 if report.changed else 0


async def _apply(arguments: argparse.Namespace) -> int:
    rules = Rules.load(arguments.file)
    toml = arguments.file.read_text(encoding="utf-8")
    async with operators_nats() as nc, operators_objects() as objects:
        await _no_index_is_built(nc)
        known = await active_rules.revisions(objects)
        newest = known[-1] if known else Revision(revision=0, toml=None, at=datetime.now(UTC))
        if newest.toml != toml or newest.undoes:
            newest = Revision(revision=newest.revision + 1, toml=toml, at=datetime.now(UTC))
            await active_rules.put(objects, newest)
        report = await Past(nc, objects).applied(newest, Active(rules, newest.revision))
        await active_rules.put(objects, _finished(newest, report))
    _print(report, arguments, "")
    return 0


async def _undo(arguments: argparse.Namespace) -> int:
    async with operators_nats() as nc, operators_objects() as objects:
        await _no_index_is_built(nc)
        known = await active_rules.revisions(objects)
        newest = known[-1] if known else None
        if newest is None or not newest.undoes or newest.finished:
            newest = _taking_back(known)
            await active_rules.put(objects, newest)
        report = await Past(nc, objects).applied(newest, None)
        await active_rules.put(objects, _finished(newest, report))
    _print(report, arguments, "")
    return 0


def _taking_back(known: Sequence[Revision]) -> Revision:
    """The revision that takes back the last `apply` that was not taken back. Raises CannotStart when there is none."""
    undone = {one.undoes for one in known}
    standing = [one for one in known if not one.undoes and one.revision not in undone]
    if not standing:
        raise CannotStart("There is nothing to take back: no rules that were applied count.")
    toml = standing[-2].toml if len(standing) > 1 else None
    following = known[-1].revision + 1
    return Revision(revision=following, toml=toml, at=datetime.now(UTC), undoes=standing[-1].revision)


def _finished(revision: Revision, report: Report) -> Revision:
    return revision.model_copy(update={"finished": True, "changed": revision.changed + report.changed})


async def _no_index_is_built(nc: Nats) -> None:
    """Raise CannotStart while `letterbox reindex` builds: it may have read what would be changed now."""
    try:
        progress = await Replays(nc).progress(REINDEX)
    except NotFoundError:
        return
    if progress.metadata.get(PHASE) == BUILDING:
        raise CannotStart("An index is being built; let `letterbox reindex` finish first.")


async def _list(arguments: argparse.Namespace) -> int:
    async with operators_objects() as objects:
        known = await active_rules.revisions(objects)
    toml = known[-1].toml if known else None
    if toml is None:
        toml = Path(os.environ.get(CONFIGURED) or DEFAULT_RULES).read_text(encoding="utf-8")
    if arguments.toml:
        print(toml, end="")
        return 0
    rules = Rules.parse(toml, "the rules that count").rules
    if arguments.json:
        told = [{"name": r.name, "version": r.version, "tag": r.tag, "document_type": r.document_type} for r in rules]
        past = [one.model_dump(mode="json", exclude={"toml"}) for one in known]
        print(json.dumps({"rules": told, "revisions": past}, indent=2))
        return 0
    for rule in rules:
        decides = f" (type {rule.document_type})" if rule.document_type else ""
        print(f"{rule.name:32} {rule.version:3}  {rule.tag}{decides}")
    for one in known:
        what = f"takes back {one.undoes}" if one.undoes else "applied"
        state = f"{one.changed} documents changed" if one.finished else "NOT FINISHED: the same command goes on"
        print(f"revision {one.revision}, {one.at:%Y-%m-%d %H:%M} UTC, {what}: {state}")
    if not known:
        print("Nothing was applied yet: these ship, or are the file that LETTERBOX_RULES_PATH names.")
    return 0


def _print(report: Report, arguments: argparse.Namespace, would: str) -> None:
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        report.print(would)
