"""A cluster of three nats-servers whose leader is killed again and again: no acknowledged event is lost."""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack

import aiohttp
import pytest

from letterbox.local.home import REPOSITORY
from letterbox.local.names import SERVICES
from libs.events.catalogue import Event, SubmissionStored
from libs.events.connect import Nats, connected
from libs.events.consume import consuming
from libs.events.delivery import Answers, Received
from libs.events.errors import Transient
from libs.events.journal import Journal, State
from libs.events.publish import Publisher
from libs.events.streams import DEAD_LETTERS, NOTIFIER_MAIL, STREAM, provision
from tests.faults.test_bad_days import told_once
from tests.flow.test_verify import clean
from tests.support import files
from tests.support.cluster import NODES, PASSWORD, STRANGER, Cluster, cluster_of_three
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, eventually, visiting

EVENTS = 600
KILLS = 3
ACK_WAIT_SECONDS = 10
"""What a dead leader had handed out comes again after this, at each step of a submission's way."""


async def provisioned(cluster: Cluster) -> bool:
    """`letterbox provision` with three replicas, once the cluster has found itself."""
    environment = {
        "LETTERBOX_NATS_URL": cluster.url,
        "LETTERBOX_NATS_USER": "provision",
        "LETTERBOX_NATS_PASSWORD": PASSWORD,
        "LETTERBOX_NATS_REPLICAS": "3",
    }
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "letterbox", "provision", env={**os.environ, **environment}, cwd=REPOSITORY,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    return await child.wait() == 0


async def leader(nc: Nats) -> str:
    """The node that leads EVENTS now."""

    async def look() -> str | None:
        try:
            info = await nc.jetstream(timeout=2).stream_info(STREAM)
        except Exception:  # noqa: BLE001 - no leader, or the node this client was connected to has just died
            return None
        return info.cluster.leader if info.cluster else None

    return await eventually(look)


async def messages(nc: Nats, stream: str) -> int:
    """How many messages a stream keeps, as soon as somebody leads it."""

    async def look() -> State | None:
        try:
            return await Journal(nc, stream).state()
        except Transient:
            return None

    return (await eventually(look)).messages


async def publish(publisher: Publisher, number: int) -> None:
    """One event, repeated with the same id until it is acknowledged."""
    event = SubmissionStored(submission_id=f"{number:032x}", attachments=0)
    while True:
        try:
            await publisher.publish(event, cause="test")
        except Transient:
            await asyncio.sleep(0.2)
        else:
            return


async def test_a_leader_killed_three_times_loses_no_event_and_handles_all() -> None:
    handled: Counter[str] = Counter()

    async def handler(received: Sequence[Received[Event]]) -> Answers:
        handled.update(one.event.submission_id for one in received)
        return [()] * len(received)

    async with cluster_of_three() as cluster:

        async def there() -> bool:
            return await provisioned(cluster)

        await eventually(there)
        async with (
            connected(cluster.settings("operator")) as nc,
            connected(cluster.settings("storage")) as writer,
            connected(cluster.settings("notifier")) as reader,
        ):
            info = await nc.jetstream().stream_info(STREAM)
            assert info.config.num_replicas == 3
            publisher = Publisher(writer, "test")
            async with consuming(reader, Publisher(reader, "test"), NOTIFIER_MAIL, handler, batch=20):
                for kill in range(KILLS):
                    some = range(kill * EVENTS // KILLS, (kill + 1) * EVENTS // KILLS)
                    sending = [asyncio.create_task(publish(publisher, number)) for number in some]
                    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
                    dead = await leader(nc)
                    cluster.kill(dead)
                    await asyncio.gather(*sending)
                    cluster.start(dead)

                async def all_handled() -> bool:
                    return len(handled) == EVENTS

                await eventually(all_handled)
            assert await messages(nc, STREAM) == EVENTS
            assert await messages(nc, DEAD_LETTERS) == 0


async def test_a_server_that_does_not_know_the_nodes_secret_is_none_of_them() -> None:
    async with cluster_of_three() as cluster:
        cluster.start(STRANGER, route_password="a-guess")

        async def refused() -> bool:
            return any("authentication error" in cluster.log(name).lower() for name in NODES)

        async def together() -> bool:
            return await provisioned(cluster)

        await eventually(refused)
        await eventually(together)
        assert "JetStream cluster new" not in cluster.log(STRANGER)


async def test_the_services_go_on_while_leaders_die(monkeypatch: pytest.MonkeyPatch) -> None:
    async with cluster_of_three() as cluster, AsyncExitStack() as around:

        async def there() -> bool:
            return await provisioned(cluster)

        await eventually(there)
        async with connected(cluster.settings("provision")) as nc:
            await provision(nc, replicas=3, ack_wait_seconds=ACK_WAIT_SECONDS)
        on_the_cluster = {"LETTERBOX_NATS_URL": cluster.url, "LETTERBOX_NATS_PASSWORD": PASSWORD}
        for name, value in {**on_the_cluster, "LETTERBOX_NATS_USER": "operator"}.items():
            monkeypatch.setenv(name, value)  # for the operator's command
        environment = {name: {**on_the_cluster, "LETTERBOX_NATS_USER": name} for name in SERVICES}
        environment["ingest"] |= RATES_OFF
        stack = await around.enter_async_context(isolated_stack(environment=environment))
        visitor = await around.enter_async_context(visiting(stack))
        nc = await around.enter_async_context(connected(cluster.settings("operator")))
        ids: list[str] = []

        async def accepted() -> bool:
            try:
                answer = await visitor.send(files=[("note.pdf", files.pdf("The lamp is out"))])
            except aiohttp.ClientConnectionError:
                return False  # refused before all was sent, and hung up on: the gateway would have heard why
            assert answer.status in (202, 503)
            ids.extend([answer.id] if answer.status == 202 else [])
            return answer.status == 202

        for _ in range(KILLS):
            for _ in range(4):
                await eventually(accepted)
            dead = await leader(nc)
            cluster.kill(dead)
            for _ in range(4):
                await eventually(accepted)
            cluster.start(dead)
        for submission in ids:
            await told_once(visitor, submission)

        await clean(visitor)
