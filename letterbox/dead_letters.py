"""`letterbox dead-letters`: messages that were given up on, by cause; look at them, try them again, or drop them."""

import argparse
import asyncio
import json
import sys
from collections import Counter

from letterbox.operator import operators_nats
from libs.events.dead_letters import DeadLetter, DeadLetters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list, show, retry, drop."""
    parser.description = (
        "A retry hands the message to the handler that failed, and to no other; from there the flow goes on."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="show them, grouped by handler and cause")
    listing.add_argument("--json", action="store_true", help="print each as JSON")
    verbs.add_parser("show", help="show one with its original event").add_argument("number", type=int)
    for verb, text in (("retry", "try again"), ("drop", "remove for good")):
        which = verbs.add_parser(verb, help=text)
        which.add_argument("number", nargs="*", type=int, help="the letters' numbers")
        which.add_argument("--durable", help="all of this handler")
        which.add_argument("--cause", help="all whose reason contains this")
        which.add_argument("--all", action="store_true", help="all")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    if arguments.verb in ("retry", "drop") and not (
        arguments.number or arguments.durable or arguments.cause or arguments.all
    ):
        print("Say which: numbers, --durable, --cause or --all.", file=sys.stderr)
        return 2
    return asyncio.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    async with operators_nats() as nc:
        inbox = DeadLetters(nc)
        if arguments.verb == "show":
            letter = await inbox.get(arguments.number)
            if letter is None:
                print("There is no such dead letter.", file=sys.stderr)
                return 1
            print(json.dumps(_shown(letter, whole=True), indent=2))
            return 0
        letters = [letter async for letter in inbox.all()]
        if arguments.verb == "list":
            _list(letters, as_json=arguments.json)
            return 0
        chosen = [letter for letter in letters if _is_chosen(letter, arguments)]
        for letter in chosen:
            await (inbox.retry(letter) if arguments.verb == "retry" else inbox.drop(letter))
        print(f"{arguments.verb}: {len(chosen)} of {len(letters)}")
        return 0 if chosen or not arguments.number else 1


def _is_chosen(letter: DeadLetter, arguments: argparse.Namespace) -> bool:
    if arguments.all or letter.sequence in arguments.number:
        return True
    by_group = bool(arguments.durable or arguments.cause)
    return (
        by_group
        and (not arguments.durable or letter.durable == arguments.durable)
        and (not arguments.cause or arguments.cause in letter.reason)
    )


def _list(letters: list[DeadLetter], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([_shown(letter) for letter in letters], indent=2))
        return
    if not letters:
        print("No dead letters.")
    for (durable, kind, cause), count in Counter(letter.group for letter in letters).most_common():
        print(f"{count} x {durable}, {kind}: {cause}")
        for letter in letters:
            if letter.group == (durable, kind, cause):
                print(f"    no. {letter.sequence}  {letter.buried_at:%Y-%m-%d %H:%M:%S}  {letter.subject}")


def _shown(letter: DeadLetter, *, whole: bool = False) -> dict[str, object]:
    shown: dict[str, object] = {
        "number": letter.sequence,
        "durable": letter.durable,
        "subject": letter.subject,
        "reason": letter.reason,
        "attempts": letter.deliveries,
        "buried_at": letter.buried_at.isoformat(timespec="seconds"),
        "trace_id": letter.trace_id,
    }
    if whole:
        shown["headers"] = letter.entry.headers
        shown["event"] = letter.entry.body.decode("utf-8", "replace")
    return shown
