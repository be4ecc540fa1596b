"""`letterbox status`: each part of the system, where it is and whether it is healthy."""

import argparse
import asyncio
import json

from letterbox.local.health import all_healthy
from letterbox.local.home import Home
from letterbox.local.state import State, read_state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`--json` for programs."""
    parser.description = "Shows each part. The exit status is 0 when all are healthy."
    parser.add_argument("--json", action="store_true", help="print a list of {name, pid, address, healthy}")


def run(arguments: argparse.Namespace) -> int:
    """Print the state of each part."""
    home = Home.from_environment()
    state = read_state(home)
    parts = [] if state is None else asyncio.run(_look(home, state))
    if arguments.json:
        print(json.dumps(parts, indent=2))
    elif state is None:
        print("Letterbox is not running. `make up` starts it.")
    else:
        if not state.launcher.runs():
            print("The launcher has crashed: nothing is restarted. `make up` or `make down` cleans up.")
        for part in parts:
            word = "healthy" if part["healthy"] else "NOT HEALTHY"
            print(f"{part['name']:<18}{word:<13}pid {part['pid']:<8}{part['address']}")
    return 0 if parts and all(part["healthy"] for part in parts) else 1


async def _look(home: Home, state: State) -> list[dict[str, object]]:
    password = home.secret("postgres-postgres").read_text(encoding="utf-8")
    healthy = await all_healthy({name: part.health for name, part in state.parts.items()}, password)
    return [
        {
            "name": name,
            "pid": part.identity.pid,
            "address": part.address,
            "healthy": healthy[name] and part.identity.runs(),
        }
        for name, part in state.parts.items()
    ]
