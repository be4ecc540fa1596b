"""`letterbox stop|start|restart NAME`: one part of the local stack; the launcher keeps it as it was asked for.

With docker compose the same words work on its containers: `docker compose restart NAME`.
"""

import argparse
import asyncio
import time

from letterbox.local.failure import CannotStart
from letterbox.local.health import is_healthy
from letterbox.local.home import Home
from letterbox.local.state import KnownPart, read_state

HEALTHY_SECONDS = 90.0
LOOK_SECONDS = 0.1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts."""
    parser.description = "Stops, starts or restarts parts of the local stack; others go on. A stopped part stays down."
    parser.add_argument("names", nargs="+", metavar="NAME", help="as `letterbox status` shows them")


def run(arguments: argparse.Namespace) -> int:
    """Do it, and wait until the parts are down or healthy. Raises CannotStart."""
    home = Home.from_environment()
    for name in arguments.names:
        part = _part(home, name)
        if arguments.command == "stop":
            home.mark_stopped(name)
        if arguments.command != "start":
            part.identity.end(part.stop, part.seconds_to_stop)
        if arguments.command == "stop":
            print(f"{name} is stopped. `letterbox start {name}` brings it back.")
            continue
        home.unmark_stopped(name)
        asyncio.run(_healthy(home, name))
        print(f"{name} is healthy.")
    return 0


def _part(home: Home, name: str) -> KnownPart:
    state = read_state(home)
    if state is None or not state.launcher.runs():
        raise CannotStart("Letterbox is not running here. `letterbox up` starts it.")
    if name not in state.parts:
        raise CannotStart(f"There is no part {name}: {', '.join(state.parts)}.")
    return state.parts[name]


async def _healthy(home: Home, name: str) -> None:
    password = home.secret("postgres-postgres").read_text(encoding="utf-8")
    until = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < until:
        part = _part(home, name)
        if part.identity.runs() and await is_healthy(part.health, password):
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise CannotStart(f"{name} is not healthy after {HEALTHY_SECONDS:.0f} s. `letterbox logs {name}` says why.")
