"""A backlog of submissions, made through the catalogue's models."""

from collections.abc import Sequence
from datetime import UTC, datetime
from secrets import token_hex

import nats

from bench.measure import until
from letterbox.local.stack import LocalStack
from libs.events.catalogue import Event, SubmissionCreated
from libs.events.journal import Journal
from libs.events.progress import passed
from libs.events.publish import Publisher

AT_ONCE = 2000


def submission(number: int) -> SubmissionCreated:
    """One message without files."""
    return SubmissionCreated(
        submission_id=token_hex(16),
        form="contact",
        created_at=datetime.now(UTC),
        name="Ada Lovelace",
        email="ada@example.org",
        subject_line=f"Question {number}",
        message=f"Good morning, this is message number {number}: could you please restore our harbour bell? " * 2,
    )


async def fill(stack: LocalStack, count: int) -> None:
    """Publish `count` submissions, as ingest would."""
    await publish(stack, "ingest", [submission(number) for number in range(count)])


async def publish(stack: LocalStack, user: str, events: Sequence[Event]) -> None:
    """Publish `events` as the service `user` would."""
    nc = await nats.connect(
        stack.address("nats"),
        user=user,
        password=stack.secret(f"nats-{user}"),
        inbox_prefix=f"_INBOX_{user}".encode(),
        pending_size=0,
    )
    publisher = Publisher(nc, user)
    for begin in range(0, len(events), AT_ONCE):
        await publisher.publish_all([(event, "bench") for event in events[begin : begin + AT_ONCE]])
    await nc.close()


async def handled(stack: LocalStack, durable: str, seconds: float) -> None:
    """Wait until a durable has handled everything that is in the stream."""
    nc = await nats.connect(
        stack.address("nats"), user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
    )
    journal = Journal(nc)

    async def all_of_it() -> bool:
        return await passed(journal, [durable]) == (await journal.state()).last

    await until(all_of_it, seconds)
    await nc.close()
