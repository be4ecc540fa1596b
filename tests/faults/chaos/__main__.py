"""`make chaos MINUTES=n`: chaos for as long as told, with a report in `chaos-report.md`."""

import argparse
import asyncio
import random
import sys
from pathlib import Path

from tests.faults.chaos.run import chaos


def main() -> None:
    """Run, write the report, exit with 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--submissions", type=int, default=500)
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    outcome = asyncio.run(
        chaos(
            seed=arguments.seed,
            submissions=arguments.submissions,
            kills=arguments.kills,
            minutes=arguments.minutes,
        )
    )
    Path("chaos-report.md").write_text(outcome.report(), encoding="utf-8")
    print(outcome.report())
    sys.exit(1 if outcome.account.wrong or outcome.dead_letters else 0)


if __name__ == "__main__":
    main()
