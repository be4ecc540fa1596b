"""`letterbox VERB`: the operator's command."""

import argparse
import sys
from importlib import import_module

from letterbox.local.failure import CannotStart
from libs.events.errors import Transient

VERBS = {
    "up": ("up", "start the whole system on this machine"),
    "down": ("down", "stop it"),
    "status": ("status", "show each part, its address and health"),
    "stop": ("parts", "stop single parts, which then stay down"),
    "start": ("parts", "start them again"),
    "restart": ("parts", "end them and start them again"),
    "logs": ("logs", "show what the parts say"),
    "setup": ("setup", "write the settings and secrets of `docker compose`, once"),
    "prepare": ("prepare", "make on the servers what the services find there"),
    "migrate": ("migrate", "bring the database schema up to date"),
    "provision": ("provision", "create or update streams and durables"),
    "submissions": ("submissions", "list what arrived last"),
    "trace": ("trace", "show the whole way of one submission"),
    "held": ("held", "release or reject what waits for a person"),
    "verify": ("verify", "prove that nothing was lost"),
    "replay": ("replay", "run handlers again over a part of the stream"),
    "reindex": ("reindex", "build the next search index while the present one answers"),
    "rules": ("rules", "try changed tag rules on all documents, apply them, take that back"),
    "psql": ("psql", "ask PostgreSQL of the local stack, as its superuser"),
    "dead-letters": ("dead_letters", "look at what was given up on, and try it again"),
    "backup": ("backup", "back up everything that cannot be made again"),
    "restore": ("restore", "put a backup into an empty system"),
    "drill": ("drill", "prove the newest backup: restore it beside this system, verify, throw it away"),
    "rebuild": ("rebuild", "make database and index anew from the stream and the objects"),
    "erase": ("erase", "erase every copy of a submission"),
    "synthetic": ("synthetic", "send a submission of our own every few minutes, find it, erase it"),
    "monitoring": ("monitoring_files", "write Alertmanager's receivers and the site's probes from settings"),
    "keys": ("keys", "manage the keys that open search"),
}


def main() -> None:
    """Run the verb; exits with its status."""
    parser = argparse.ArgumentParser(prog="letterbox", description="Runs and looks after Letterbox.")
    verbs = parser.add_subparsers(dest="command", metavar="VERB", required=True)
    asked = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
    for name, (module, text) in VERBS.items():
        verb = verbs.add_parser(name, help=text)
        if name == asked:  # what the others need is not loaded: it takes longer than most verbs do
            loaded = import_module(f"letterbox.{module}")
            loaded.add_arguments(verb)
            verb.set_defaults(run=loaded.run)
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except (CannotStart, Transient, OSError) as error:
        print(str(error) or type(error).__name__, file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
