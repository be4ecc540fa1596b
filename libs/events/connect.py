"""The connection of one service to NATS, as its own user."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client

from libs.events import metrics
from libs.service.settings import NatsSettings

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_SECONDS = 2
PING_INTERVAL_SECONDS = 5
"""A server that hangs without closing the connection is noticed after two unanswered pings."""


Nats = Client
"""The connection, as services hold it; only libs.events talks through it."""


@asynccontextmanager
async def connected(settings: NatsSettings) -> AsyncIterator[Client]:
    """A client as this service's own user, which comes back by itself for as long as it takes.

    Publishing while disconnected is refused at once (`pending_size=0`): a buffered event could be stored long after
    its sender was told that it failed. Permission violations surface only in a callback: they are logged and counted.
    """

    async def on_error(error: Exception) -> None:
        if "permissions violation" in str(error).lower():
            metrics.PERMISSION_VIOLATIONS.inc()
            log.error("NATS refused a request", extra={"error": str(error)})
        else:
            log.warning("NATS connection error", extra={"error": str(error) or type(error).__name__})

    closing = False

    async def on_disconnect() -> None:
        metrics.CONNECTED.set(0)
        if not closing:
            log.warning("NATS connection lost")

    async def on_reconnect() -> None:
        metrics.CONNECTED.set(1)
        metrics.RECONNECTS.inc()
        log.info("NATS connection is back")

    client = await nats.connect(
        servers=[server.strip() for server in settings.nats_url.split(",")],
        user=settings.nats_user,
        password=settings.nats_password.get_secret_value(),
        name=settings.nats_user,
        inbox_prefix=f"_INBOX_{settings.nats_user}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        ping_interval=PING_INTERVAL_SECONDS,
        max_outstanding_pings=2,
        pending_size=0,
        error_cb=on_error,
        disconnected_cb=on_disconnect,
        reconnected_cb=on_reconnect,
    )
    metrics.CONNECTED.set(1)
    try:
        yield client
    finally:
        closing = True
        await client.close()
