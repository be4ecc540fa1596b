"""`make bench`: runs the rows, prints the table, writes it to bench/results/; exits with 1 when a bar is missed."""

import argparse
import asyncio
import dataclasses
import json
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench.measure import Row

RESULTS = Path(__file__).parent / "results"
ROWS = (
    "accept", "consumer", "storage", "searchable", "replay", "upload", "growth", "verify", "memory",
    "extraction", "index_writes", "search_load", "relevance",
)  # fmt: skip


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"which rows: {', '.join(ROWS)} (all)")
    parser.add_argument("--quick", action="store_true", help="small counts, one round: to see that it works")
    arguments = parser.parse_args()
    unknown = set(arguments.rows) - set(ROWS)
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for name in arguments.rows or ROWS:
        began = time.monotonic()
        rows += asyncio.run(import_module(f"bench.{name}").run(quick=arguments.quick))
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    text = table(rows)
    print(text)
    if not arguments.quick and not arguments.rows:
        RESULTS.mkdir(exist_ok=True)
        today = datetime.now(UTC).strftime("%Y-%m-%d")
        data = json.dumps([dataclasses.asdict(row) for row in rows], indent=2, ensure_ascii=False)
        (RESULTS / f"{today}.json").write_text(data + "\n", encoding="utf-8")
        (RESULTS / "latest.md").write_text(f"# Benchmarks of {today}\n\n{text}\n", encoding="utf-8")
    sys.exit(0 if all(row.ok for row in rows) else 1)


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | baseline | ratio | bar | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = "yes" if row.ok else "NO"
        lines.append(f"| {row.what} | {row.ours} | {row.baseline} | {row.ratio:.2f} | {row.bar} | {met} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
