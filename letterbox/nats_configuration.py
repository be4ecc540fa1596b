"""The configuration of nats-server, from the one table of users, `deploy/nats/users.toml`.

The local stack writes it with passwords in it; `deploy/nats/nats.conf` is the same with variables in their place.
"""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

DEPLOY = Path(__file__).resolve().parent.parent / "deploy" / "nats"
USERS = DEPLOY / "users.toml"
SYSTEM = "system"
PASSWORDS = "../../run/secrets/nats-passwords.conf"
"""Where nats-server looks for the variables, seen from its configuration in /etc/nats."""


def users() -> dict[str, dict[str, list[str]]]:
    """Every NATS user, and the subjects it may publish and subscribe to."""
    return tomllib.loads(USERS.read_text(encoding="utf-8"))


def configuration(head: str, store: str, password: Callable[[str], str]) -> str:
    """The configuration after the lines `head`, with `password(user)` where a user's password goes."""
    lines = []
    for user, may in users().items():
        subscribe = _listing([f"_INBOX_{user}.>", *may.get("subscribe", [])])
        publish = f"allow: {_listing(may['publish'])}" if may["publish"] else 'deny: ">"'
        lines.append(
            f"      {{ user: {json.dumps(user)}, password: {password(user)}, permissions: "
            f"{{ publish: {{ {publish} }}, subscribe: {{ allow: {subscribe} }} }} }}"
        )
    return f"""{head}
server_name: letterbox
max_payload: 2MB
jetstream {{ store_dir: {json.dumps(store)}, sync_interval: always }}
accounts {{
  SYS {{ users: [ {{ user: {SYSTEM}, password: {password(SYSTEM)} }} ] }}
  APP {{
    jetstream: enabled
    users: [
{chr(10).join(lines)}
    ]
  }}
}}
system_account: SYS
"""


def production() -> str:
    """`deploy/nats/nats.conf`: nothing secret in it, the passwords are variables of an included file."""
    head = f"""# Generated from deploy/nats/users.toml by `make docs`; do not edit.
include "{PASSWORDS}"
host: 0.0.0.0
port: 4222
http: "127.0.0.1:8222\""""
    return configuration(head, "/data", lambda user: f"${_variable(user)}")


def passwords(secret: Callable[[str], str]) -> str:
    """The included file: the variables that `production` uses."""
    return "".join(f"{_variable(user)}: {json.dumps(secret(user))}\n" for user in (SYSTEM, *users()))


def _variable(user: str) -> str:
    return f"NATS_{user.upper()}"


def _listing(subjects: list[str]) -> str:
    return "[" + ", ".join(json.dumps(subject) for subject in subjects) + "]"
