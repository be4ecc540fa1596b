"""`letterbox up`: start the whole system on this machine."""

import argparse
import asyncio
import json
import os
import subprocess
import sys

from letterbox.local.failure import CannotStart
from letterbox.local.health import all_healthy
from letterbox.local.home import REPOSITORY, Home
from letterbox.local.state import State, forget_state, read_state

DEFAULT_PORT = 8080


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments: `LETTERBOX_HOME` and `LETTERBOX_PORT` choose where."""
    parser.description = "Starts every part, waits until all are healthy, and prints where they are."


def run(_arguments: argparse.Namespace) -> int:
    """Start, unless it runs already. Returns 0 when everything is healthy."""
    home, port = Home.from_environment(), _port()
    running = read_state(home)
    if running is not None and running.launcher.runs():
        return _already(home, running)
    if running is not None:
        print("The last launcher crashed; stopping what it left behind.")
        running.end()
        forget_state(home)
    home.prepare()
    print("Starting ... (the first time takes some seconds more)", flush=True)
    outcome = _launch(home, port)
    if not outcome.get("ok"):
        raise CannotStart(str(outcome.get("reason", f"The launcher ended. Its log: {home.logs / 'launcher.log'}")))
    print(_summary(home))
    return 0


def _port() -> int:
    text = os.environ.get("LETTERBOX_PORT", str(DEFAULT_PORT))
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise CannotStart(f"LETTERBOX_PORT must be a port number, not {text!r}.")
    return int(text)


def _launch(home: Home, port: int) -> dict[str, object]:
    log = os.open(home.logs / "launcher.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "letterbox.local.launcher", str(home.path), str(port)],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    ) as launcher:
        os.close(log)
        assert launcher.stdout is not None
        line = launcher.stdout.readline()
        launcher.returncode = 0  # it goes on without us
    return json.loads(line) if line else {}


def _already(home: Home, running: State) -> int:
    password = home.secret("postgres-postgres").read_text(encoding="utf-8")
    healthy = asyncio.run(all_healthy({name: part.health for name, part in running.parts.items()}, password))
    if not all(healthy.values()):
        ill = ", ".join(name for name, well in healthy.items() if not well)
        print(f"Letterbox runs already, but these parts are not healthy: {ill}. See `letterbox logs NAME`.")
        return 1
    print("Letterbox runs already.")
    print(_summary(home))
    return 0


def _summary(home: Home) -> str:
    state = read_state(home)
    assert state is not None
    gateway = state.parts["caddy"].address
    watching = "".join(
        f"\n  {name:<15}{state.parts[name].address}" for name in ("prometheus", "alertmanager") if name in state.parts
    )
    return f"""
Letterbox is up.

  contact form   {gateway}/contact
  search         {gateway}/search
  caught mail    {state.parts["mail"].address}
  owner's key    {home.owner_key().read_text(encoding="utf-8").strip()}{watching}

Try this first: open the contact form, send a message with a PDF, and watch its journey. Then open search, log in with
the owner's key, and look for a word from inside the PDF, misspelt if you like.

  make status    every part, its address and health
  make logs      what they say
  make down      stop everything; your data stays in {home.path}
"""
