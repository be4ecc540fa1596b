"""Whether NATS answers: the check behind every service's readiness."""

from nats.aio.client import Client

from libs.events.errors import Transient


async def nats_answers(nc: Client) -> None:
    """Raise Transient unless the connection is up and the server answers a ping."""
    if not nc.is_connected:
        raise Transient("nats", "not connected")
    await nc.flush(timeout=1)
