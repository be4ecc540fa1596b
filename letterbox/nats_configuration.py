"""The configuration of nats-server, from the one table of rights, `deploy/rights.toml`.

The local stack writes it with passwords in it; `deploy/nats/nats.conf` is the same with variables in their place.
"""

import json
from collections.abc import Callable

from libs.rights import Rights, rights

SYSTEM = "system"
OWN_RIGHTS = "$SYS.REQ.USER.INFO"
"""Where any user may ask the server what it may do."""
PASSWORDS = "../../run/secrets/nats-passwords.conf"
"""Where nats-server looks for the variables, seen from its configuration in /etc/nats."""
NODES = ("nats", "nats-2", "nats-3")
ROUTE = "route"
"""As whom the nodes of a cluster connect to each other."""
ROUTES = "../../run/secrets/nats-routes.conf"


def users() -> dict[str, Rights]:
    """Every NATS user, and the subjects it may publish and subscribe to."""
    return {
        user: {
            "publish": [OWN_RIGHTS, *may.get("publish", [])],
            "subscribe": [f"_INBOX_{user}.>", *may.get("subscribe", [])],
        }
        for user, may in rights("nats").items()
    }


def configuration(head: str, store: str, password: Callable[[str], str], name: str = "letterbox") -> str:
    """The configuration of the server `name` after the lines `head`; `password(user)` is where a user's goes."""
    lines = []
    for user, may in users().items():
        publish, subscribe = _listing(may["publish"]), _listing(may["subscribe"])
        lines.append(
            f"      {{ user: {json.dumps(user)}, password: {password(user)}, permissions: "
            f"{{ publish: {{ allow: {publish} }}, subscribe: {{ allow: {subscribe} }} }} }}"
        )
    return f"""{head}
server_name: {name}
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
    head = f"""# Generated from deploy/rights.toml by `make docs`; do not edit.
include "{PASSWORDS}"
host: 0.0.0.0
port: 4222
http: "0.0.0.0:8222\""""
    return configuration(head, "/data", lambda user: f"${_variable(user)}")


def cluster_node() -> str:
    """`deploy/cluster/nats.conf`: the same for each node of a cluster, which gets its name from its environment."""
    head = f"""# Generated from deploy/rights.toml by `make docs`; do not edit.
include "{PASSWORDS}"
include "{ROUTES}"
host: 0.0.0.0
port: 4222
http: "127.0.0.1:8222"
{cluster("port: 6222", "$NATS_ROUTE", "$NATS_ROUTES")}"""
    return configuration(head, "/data", lambda user: f"${_variable(user)}", "$NATS_NAME")


def cluster(listen: str, password: str, routes: str) -> str:
    """How the nodes of a cluster find each other: a server that does not know the password is none of them."""
    return f"""cluster {{
  name: letterbox
  {listen}
  authorization {{ user: {ROUTE}, password: {password}, timeout: 5 }}
  routes: {routes}
}}"""


def routes(password: str, nodes: tuple[str, ...] = NODES) -> str:
    """The included file with the cluster's own variables."""
    addresses = ", ".join(json.dumps(f"nats://{ROUTE}:{password}@{node}:6222") for node in nodes)
    return f"NATS_ROUTE: {json.dumps(password)}\nNATS_ROUTES: [{addresses}]\n"


def passwords(secret: Callable[[str], str]) -> str:
    """The included file: the variables that `production` uses."""
    return "".join(f"{_variable(user)}: {json.dumps(secret(user))}\n" for user in (SYSTEM, *users()))


def _variable(user: str) -> str:
    return f"NATS_{user.upper()}"


def _listing(subjects: list[str]) -> str:
    return "[" + ", ".join(json.dumps(subject) for subject in subjects) + "]"
