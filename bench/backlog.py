"""A backlog of submissions, made through the catalogue's models."""

from datetime import UTC, datetime
from secrets import token_hex

import nats

from letterbox.local.stack import LocalStack
from libs.events.catalogue import SubmissionCreated
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
    nc = await nats.connect(
        stack.address("nats"),
        user="ingest",
        password=stack.secret("nats-ingest"),
        inbox_prefix=b"_INBOX_ingest",
        pending_size=0,
    )
    publisher = Publisher(nc, "ingest")
    for begin in range(0, count, AT_ONCE):
        await publisher.publish_all([(submission(n), "bench") for n in range(begin, min(count, begin + AT_ONCE))])
    await nc.close()
