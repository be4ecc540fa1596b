"""`letterbox logs`: what the parts say."""

import argparse
import sys
import time
from pathlib import Path

from letterbox.local.home import Home

FOLLOW_SECONDS = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts, how much, and whether to go on."""
    parser.description = "Shows the last lines of each part's log."
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts; all when none is named")
    parser.add_argument("-n", "--lines", type=int, default=20, help="lines of each (20)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")


def run(arguments: argparse.Namespace) -> int:
    """Print the ends of the logs."""
    logs = Home.from_environment().logs
    files = {file.stem: file for file in sorted(logs.glob("*.log"))}
    unknown = [name for name in arguments.names if name not in files]
    if unknown or not files:
        print(f"There is no log of {', '.join(unknown)}." if unknown else "There are no logs yet.", file=sys.stderr)
        return 1
    chosen = {name: file for name, file in files.items() if not arguments.names or name in arguments.names}
    for name, file in chosen.items():
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines()[-arguments.lines :]:
            print(f"{name:<13}{line}")
    if arguments.follow:
        _follow(chosen)
    return 0


def _follow(files: dict[str, Path]) -> None:
    ends = {name: file.stat().st_size for name, file in files.items()}
    try:
        while True:
            for name, file in files.items():
                with file.open("rb") as log:
                    log.seek(ends[name])
                    for line in log:
                        print(f"{name:<13}{line.decode(errors='replace').rstrip()}", flush=True)
                    ends[name] = log.tell()
            time.sleep(FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return
