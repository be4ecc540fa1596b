"""`make bench`: runs the rows and prints the table; exits with 1 when a bar is missed.

Each row that was measured in full is kept in bench/results/ with its day, so rows can be measured one at a time;
bench/results/latest.md shows the newest of each.
"""

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
    "extraction", "index_writes", "search_load", "relevance", "telemetry",
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
        measured = asyncio.run(import_module(f"bench.{name}").run(quick=arguments.quick))
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        if not arguments.quick:
            keep(name, measured)
        rows += measured
    print(table(rows))
    sys.exit(0 if all(row.ok for row in rows) else 1)


def keep(name: str, rows: list[Row]) -> None:
    """Keep what was measured of a row, and show it with the newest of all others."""
    RESULTS.mkdir(exist_ok=True)
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    kept = {"day": today, "rows": [dataclasses.asdict(row) for row in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    files = [RESULTS / f"{one}.json" for one in ROWS]
    known = [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]
    parts = [f"Measured on {one['day']}:\n\n{table([Row(**row) for row in one['rows']])}\n" for one in known]
    (RESULTS / "latest.md").write_text("\n".join(["# Benchmarks", "", *parts]), encoding="utf-8")


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | ours | baseline | ratio | bar | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = "yes" if row.ok else "NO"
        lines.append(f"| {row.what} | {row.ours} | {row.baseline} | {row.ratio:.2f} | {row.bar} | {met} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
