"""`letterbox keys`: the keys that open search; only their hashes are kept."""

import argparse
import hashlib
import json
import os
import re
import secrets
import sys
from pathlib import Path

from letterbox.local.home import Home

KEY_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list, add, remove."""
    parser.description = "Manages the owner's keys. search reads the file again when it changes; no restart is needed."
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list", help="show the ids of all keys")
    verbs.add_parser("add", help="make a key and print it once").add_argument("id")
    verbs.add_parser("remove", help="end a key").add_argument("id")


def run(arguments: argparse.Namespace) -> int:
    """Do what was asked."""
    file = Path(os.environ.get("LETTERBOX_KEYS_FILE") or Home.from_environment().path / "keys.json")
    keys = json.loads(file.read_text(encoding="utf-8"))["keys"] if file.exists() else []
    known = {key["id"] for key in keys}
    if arguments.verb == "list":
        print("\n".join(sorted(known)) or "There are no keys.")
        return 0
    if arguments.verb == "add":
        if not KEY_ID.fullmatch(arguments.id) or arguments.id in known:
            print("The id must be new, and of small letters, digits and hyphens.", file=sys.stderr)
            return 1
        key = f"lbx_{secrets.token_urlsafe(32)}"
        _write(file, [*keys, {"id": arguments.id, "sha256": hashlib.sha256(key.encode()).hexdigest()}])
        print(key)
        return 0
    if arguments.id not in known:
        print(f"There is no key {arguments.id}.", file=sys.stderr)
        return 1
    _write(file, [key for key in keys if key["id"] != arguments.id])
    return 0


def _write(file: Path, keys: list[dict[str, str]]) -> None:
    mode = file.stat().st_mode & 0o777 if file.exists() else 0o600
    Home(file.parent).write(file.name, json.dumps({"keys": keys}, indent=2) + "\n").chmod(mode)
