"""`letterbox down`: stop the system on this machine."""

import argparse

from letterbox.local.home import Home
from letterbox.local.state import forget_state, read_state


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""
    parser.description = "Stops every part, also when the launcher has crashed. Data stays."


def run(_arguments: argparse.Namespace) -> int:
    """Stop everything that was started from this home."""
    home = Home.from_environment()
    state = read_state(home)
    if state is None:
        print("Letterbox is not running.")
        return 0
    if not state.launcher.runs():
        print("The launcher had crashed; stopping what it left behind.")
    state.end()
    forget_state(home)
    print(f"Letterbox is down. Its data is in {home.path}.")
    return 0
