"""Many submissions that went the whole way: in the stream, the record and the mail ledger, and on demand in the others.

Nothing is handled: the events are published by the users who would, without waiting for disks, and the rows are copied
in. Each is made through the catalogue's models and by storage's own functions.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import nats
from nats.aio.client import Client
from nats.js import api

from bench.backlog import submission
from letterbox.local.nats import nats_part
from letterbox.local.stack import LocalStack
from libs.events.catalogue import (
    MESSAGE,
    DocumentIndexed,
    Event,
    NotificationSent,
    SubmissionCreated,
    SubmissionStored,
    event_id,
)
from libs.events.delivery import Received
from libs.events.envelope import MESSAGE_ID, headers_for
from libs.events.streams import DURABLES, STREAM, consumer_config
from services.storage import journey, records

CHUNK = 1000
TARGETS = ("owner", "sender")
USERS = ("ingest", "storage", "indexer", "notifier")

Rows = dict[str, list[tuple[object, ...]]]
"""By table, in the order of COLUMNS."""
COLUMNS = {
    "contact_submissions": "id form name email subject_line message metadata held created_at sequence",
    "documents": "id submission_id number object_key filename content_type size sha256 created_at",
    "document_states": "document_id submission_id generation rank status reason details_generation details"
    " scan_generation scan preview_generation preview_pages preview_width preview_height",
    "journey": "sequence submission_id type document_id target reason time",
    "sent_mails": "submission_id target state attempts provider_id started_at settled_at",
}


async def fill_record(stack: LocalStack, first: int, last: int) -> list[SubmissionCreated]:
    """The submissions numbered from `first` up to `last`, all done; every durable is behind them.

    NATS is stopped meanwhile, runs without syncing each message, and is started again as it was.
    """
    made = []
    await stack.stop("nats")
    async with _not_syncing(stack), AsyncExitStack() as opened:
        connections = {}
        for user in USERS:
            connections[user] = await _connected(stack, user)
            opened.push_async_callback(connections[user].close)
        copy = await opened.enter_async_context(copying(stack))
        for begin in range(first, last, CHUNK):
            submissions = [submission(number) for number in range(begin, min(last, begin + CHUNK))]
            received = await _published(connections, submissions)
            await copy(record_rows(received) | _way_rows(received))
            made += submissions
        await _behind(stack)
    await stack.start("nats")
    return made


async def _published(connections: dict[str, Client], submissions: Sequence[SubmissionCreated]) -> list[Received[Event]]:
    """What each service publishes of them, in the order of the flow; the last of each kind is waited for."""
    received: list[Received[Event]] = []
    kinds: dict[str, list[Event]] = {
        "ingest": list(submissions),
        "storage": [SubmissionStored(submission_id=one.submission_id, attachments=0) for one in submissions],
        "indexer": [DocumentIndexed(submission_id=one.submission_id, number=MESSAGE) for one in submissions],
        "notifier": [NotificationSent(submission_id=o.submission_id, target=t) for o in submissions for t in TARGETS],
    }
    for user, events in kinds.items():
        nc, now = connections[user], datetime.now(UTC)
        made = [(event, event_id(event.subject, "bench")) for event in events]
        for event, identity in made:
            headers = headers_for(event, identity, user)
            del headers[MESSAGE_ID]  # nothing is repeated here, and the server would hold them all for two minutes
            body = event.model_dump_json(exclude_defaults=True).encode()
            if event is not events[-1]:
                await nc.publish(event.subject, body, headers=headers)
                continue
            answer = json.loads((await nc.request(event.subject, body, headers=headers, timeout=60)).data)
        begin = answer["seq"] - len(events) + 1
        received += [Received(event, identity, begin + n, now, 1) for n, (event, identity) in enumerate(made)]
    return received


def record_rows(received: Sequence[Received[Event]]) -> Rows:
    """What storage would have written of submissions and their documents."""
    created = [(one.event, one.sequence) for one in received if isinstance(one.event, SubmissionCreated)]
    return {
        "contact_submissions": [records.submission_row(event, sequence) for event, sequence in created],
        "documents": [row for event, _ in created for row in records.document_rows(event)],
        "document_states": [state.row for state in journey.folded(received).values()],
    }


def _way_rows(received: Sequence[Received[Event]]) -> Rows:
    """The steps of their way, and the mails."""
    now = datetime.now(UTC)
    created = [one.event for one in received if isinstance(one.event, SubmissionCreated)]
    return {
        "journey": [journey.step_row(one) for one in received],
        "sent_mails": [(one.submission_id, t, "sent", 1, "bench", now, now) for one in created for t in TARGETS],
    }


@asynccontextmanager
async def copying(stack: LocalStack) -> AsyncIterator[Callable[[Rows], Awaitable[None]]]:
    """What copies rows into the stack's database, all of them or none; afterwards its planner knows of them."""
    address = stack.address("postgres").removeprefix("postgresql://")
    database = await asyncpg.connect(f"postgresql://storage@{address}", password=stack.password("storage"))
    await database.set_type_codec(
        "jsonb", encoder=lambda value: b"\x01" + json.dumps(value).encode(), decoder=bytes,
        schema="pg_catalog", format="binary",
    )  # fmt: skip

    async def copy(rows: Rows) -> None:
        async with database.transaction():
            for table, some in rows.items():
                await database.copy_records_to_table(table, records=some, columns=COLUMNS[table].split())

    try:
        yield copy
        await database.execute("analyze")
    finally:
        await database.close()


async def _behind(stack: LocalStack) -> None:
    """Make every durable anew, behind all that is there."""
    nc = await _connected(stack, "operator")
    js = nc.jetstream(timeout=30)
    last = (await js.stream_info(STREAM)).state.last_seq
    for durable in DURABLES:
        await js.delete_consumer(STREAM, durable.name)
        config = consumer_config(durable)
        config.deliver_policy, config.opt_start_seq = api.DeliverPolicy.BY_START_SEQUENCE, last + 1
        await js.add_consumer(STREAM, config)
    await nc.close()


@asynccontextmanager
async def _not_syncing(stack: LocalStack) -> AsyncIterator[None]:
    """The stack's NATS in the settings that the server has by default."""
    part = nats_part(stack.home, stack.ports)
    text = (stack.home.path / "nats.conf").read_text(encoding="utf-8")
    configuration = stack.home.write("nats-filling.conf", text.replace(", sync_interval: always", ""))
    with (stack.home.logs / "nats-filling.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(part.command[0], "-c", str(configuration), stdout=log, stderr=log)
    try:
        yield
    finally:
        child.terminate()
        async with asyncio.timeout(60):
            await child.wait()


async def _connected(stack: LocalStack, user: str) -> Client:
    """As `user`, as soon as the server answers."""
    return await nats.connect(
        stack.address("nats"), user=user, password=stack.secret(f"nats-{user}"),
        inbox_prefix=f"_INBOX_{user}".encode(), pending_size=0, max_reconnect_attempts=60, reconnect_time_wait=0.5,
    )  # fmt: skip
