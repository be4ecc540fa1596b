"""`letterbox psql`: PostgreSQL's own client at the local stack; in compose `docker compose exec postgres psql`."""

import argparse
import os
from urllib.parse import urlsplit

from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.postgres import server_program
from letterbox.local.state import read_state
from letterbox.preparation import DATABASE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What psql is given."""
    parser.description = "Opens psql as the superuser `postgres`; with --command it asks one question and ends."
    parser.add_argument("-c", "--command", dest="question", help="SQL to run")


def run(arguments: argparse.Namespace) -> int:
    """Become psql. Raises CannotStart when nothing runs here."""
    home = Home.from_environment()
    state = read_state(home)
    if state is None:
        raise CannotStart("Letterbox is not running here. `letterbox up` starts it.")
    port = urlsplit(state.parts["postgres"].address).port
    password = home.secret("postgres-postgres").read_text(encoding="utf-8")
    command = [
        "psql",
        "--no-psqlrc",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        "postgres",
        DATABASE,
    ]
    if arguments.question:
        command += ["--pset", "pager=off", "-c", arguments.question]
    os.execve(server_program("psql"), command, {**os.environ, "PGPASSWORD": password})  # noqa: S606 - none is wanted
