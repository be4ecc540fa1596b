"""`letterbox trace`: the whole way of one submission: events, attempts, errors, log lines, spans."""

import argparse
import asyncio
import json
import re
import sys
from datetime import timedelta

from letterbox.log_lines import Line, log_lines, pattern
from letterbox.operator import operators_nats
from letterbox.spans import Span, depth, spans_of
from letterbox.way import Way, as_json, submission_of_trace, way_of
from libs.events.connect import Nats

ID = re.compile(r"[0-9a-f]{32}")
OF_SUBMISSION = re.compile(r'(?:[a-z]+\.[a-z]+\.|"(?:submission|contact)_id": ")([0-9a-f]{32})\b')
BEFORE = timedelta(minutes=1)
"""The visitor's request began earlier than its event was stored."""
SHOWN_ELSEWHERE = {"ts", "level", "service", "logger", "message", "trace_id", "span_id"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which one."""
    parser.description = (
        "Prints all that is known of one submission: events with their delays, what waits, attempts, dead letters, log "
        "lines (of the local stack, or from Loki at LETTERBOX_LOKI_URL), spans (from Tempo at LETTERBOX_TEMPO_URL). "
        "No personal data."
    )
    parser.add_argument("id", metavar="ID", help="a submission's id, or a trace id")
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the way; 1 when nothing is known of the id."""
    if not ID.fullmatch(arguments.id):
        print("A submission's id, and a trace id, has 32 hexadecimal digits.", file=sys.stderr)
        return 2
    way, lines, spans = asyncio.run(_find(arguments.id))
    if way is None and not lines:
        print("Nothing is known of it.", file=sys.stderr)
        return 1
    if arguments.json:
        known = as_json(way) if way else {"submission": None, "traces": [arguments.id], "events": []}
        print(json.dumps({**known, "log": lines, "spans": [_span_json(span) for span in spans]}, indent=2))
    else:
        _print(way, lines, spans)
    return 0


async def _find(asked: str) -> tuple[Way | None, list[Line], list[Span]]:
    async with operators_nats() as nc:
        way: Way | None = await way_of(nc, asked)
        if way is not None and not way.is_known:
            submission = await _submission(nc, asked)
            way = await way_of(nc, submission) if submission else None
    if way is None:  # a request that made no submission: a search, a refused form
        return None, await log_lines(pattern([asked])), await spans_of(asked)
    start = way.steps[0].time - BEFORE if way.steps else None
    about = pattern([way.submission_id, *way.trace_ids], {step.sequence for step in way.steps})
    spans = [span for trace_id in way.trace_ids for span in await spans_of(trace_id)]
    return way, await log_lines(about, start), spans


async def _submission(nc: Nats, trace_id: str) -> str | None:
    """The submission of a trace: the logs know it at once, the stream has to be walked."""
    for line in await log_lines(pattern([trace_id])):
        found = OF_SUBMISSION.search(json.dumps(line))
        if found:
            return found.group(1)
    return await submission_of_trace(nc, trace_id)


def _print(way: Way | None, lines: list[Line], spans: list[Span]) -> None:
    if way is not None:
        _print_way(way)
    if lines:
        print("\nLog")
    for line in lines:
        more = " ".join(f"{key}={value}" for key, value in line.items() if key not in SHOWN_ELSEWHERE)
        print(f"  {line.get('ts', '')}  {line.get('level', ''):8} {line['service']:9} {line['message']}  {more}")
    if spans:
        print("\nSpans")
    for span in spans:
        inside = "  " * depth(span, spans)
        print(f"  {inside}{span.service}: {span.name}  {span.seconds:.3f} s{'  FAILED' if span.failed else ''}")


def _print_way(way: Way) -> None:
    print(f"Submission {way.submission_id}")
    if way.trace_ids:
        print(f"Trace      {', '.join(way.trace_ids)}")
    start = way.steps[0].time if way.steps else None
    if start is not None:
        print(f"Begun      {start:%Y-%m-%d %H:%M:%S} UTC\n\nEvents")
    for step in way.steps:
        after = (step.time - start).total_seconds() if start else 0.0
        again = f"again, for {step.again_for}" if step.again_for else ""
        attempts = way.mail_attempts.get(step.about, 1) if step.type.startswith("notification.") else 1
        tries = f"{attempts} attempts" if attempts > 1 else ""
        told = "  ".join(filter(None, (step.about, tries, again, step.reason)))
        print(f"  {after:+9.3f} s  {step.service:9} {step.type:23} no. {step.sequence:<8} {told}".rstrip())
    for durable, backlog in way.waiting.items():
        print(f"  waits for    {durable}, which has {backlog} unsettled")
    for letter in way.dead_letters:
        print(f"  dead letter  {letter.durable}, after {letter.deliveries} attempts: {letter.reason}")


def _span_json(span: Span) -> dict[str, object]:
    return {
        "id": span.span_id,
        "parent": span.parent_id,
        "service": span.service,
        "name": span.name,
        "seconds": round(span.seconds, 6),
        "failed": span.failed,
    }
