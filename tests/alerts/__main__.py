"""`make alerts`: every fault in real time (or compressed), and the table of what was measured."""

import argparse
import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from letterbox.local.home import REPOSITORY
from letterbox.monitoring.alerts import Table, table
from letterbox.monitoring.durations import seconds
from tests.alerts.drill import Measured, drill
from tests.alerts.faults import ROUNDS, Fault
from tests.alerts.quiet import SETTINGS, settled, told_while_quiet
from tests.alerts.world import World, world

PAGE = REPOSITORY / "docs" / "alerts-measured.md"


async def measure(times: float) -> tuple[set[str], list[Measured | str]]:
    """What was told in the quiet time, and each drill, or why it failed."""
    async with world(times) as running:
        visitors = asyncio.create_task(running.visitors())
        await settled(running)
        say("quiet ...")
        quiet = await told_while_quiet(running)
        drills: list[Measured | str] = []
        for faults in ROUNDS:
            say(", ".join(fault.what for fault in faults) + " ...")
            drills += await asyncio.gather(*(_drilled(running, fault) for fault in faults))
        visitors.cancel()
        with suppress(asyncio.CancelledError):
            await visitors
        return quiet, drills


async def _drilled(running: World, fault: Fault) -> Measured | str:
    try:
        return await drill(running, fault)
    except (TimeoutError, AssertionError, subprocess.CalledProcessError) as error:
        return f"{fault.what}: {error or 'not told in time'}"


def page(times: float, quiet: set[str], drills: Sequence[Measured]) -> str:
    """The table. Times are those of production: what passed, times the speed."""
    how = "in real time" if times == 1 else f"with time running {times:g} times as fast, and multiplied here"
    lines = [
        "# Alerts, measured",
        "",
        f"Made by `make alerts` on {datetime.now(UTC):%Y-%m-%d}, {how}: the local stack with Debian's Prometheus,",
        "Alertmanager and exporters, a submission and a search each second. `told`: from the fault to the receiver;",
        "`over`: from the runbook's commands, or the end of the cause, to the receiver hearing that it is over. Dashes",
        "part the rounds: faults of one round were made at the same time. * marks what only the outside can end.",
        "",
        "| fault | alert | severity | stated | told | over |",
        "|---|---|---|---|---|---|",
    ]
    known = table()
    for faults in ROUNDS:
        lines += [_row(done, known, times) for done in drills if done.fault in faults]
        lines += ["| — | — | — | — | — | — |"] if faults is not ROUNDS[-1] else []
    told = ", ".join(sorted(quiet)) or "nothing"
    lines += ["", f"In {SETTINGS['quiet']} of steady load before that, besides the watchdog, was told: {told}.", ""]
    return "\n".join(lines)


def _row(done: Measured, known: Table, times: float) -> str:
    alert, mark = done.fault.alert, " *" if done.fault.outside else ""
    stated, told, over = seconds(known.alert(alert).within), done.told_after * times, done.resolved_after * times
    return (
        f"| {done.fault.what}{mark} | [{alert}](runbooks/{alert}.md) | {done.told.labels['severity']} "
        f"| {stated:.0f} s | {told:.0f} s | {over:.0f} s |"
    )


def say(text: str) -> None:
    """Progress, for whoever waits."""
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", flush=True)


def main() -> int:
    """Run, and write the page when every drill went well."""
    parser = argparse.ArgumentParser(prog="python -m tests.alerts", description=__doc__)
    parser.add_argument("--compress", type=float, default=1, metavar="TIMES", help="let time run faster (1)")
    parser.add_argument("--to", type=Path, default=PAGE, help="the page to write (docs/alerts-measured.md)")
    arguments = parser.parse_args()
    quiet, drills = asyncio.run(measure(arguments.compress))
    failed = [one for one in drills if isinstance(one, str)]
    for one in failed:
        say(one)
    arguments.to.write_text(page(arguments.compress, quiet, [one for one in drills if isinstance(one, Measured)]))
    say(f"{arguments.to}: {len(drills) - len(failed)} of {len(drills)} drills went well")
    return 1 if failed or quiet else 0


if __name__ == "__main__":
    sys.exit(main())
