"""The three steps of storage with no frame around them: pull, insert a batch, publish one acknowledged event each.

`python -m bench.baseline_storage NATS_URL NATS_PASSWORD DSN POSTGRES_PASSWORD COUNT`
"""

import asyncio
import json
import sys
import time
import uuid
from datetime import datetime
from typing import Any

import asyncpg
import nats
import uvloop

from libs.events.streams import STORAGE_RECORD, STREAM

BATCH = 200
IN_FLIGHT = 64

INSERT = """
insert into contact_submissions
    (id, form, name, email, subject_line, message, metadata, held, created_at, sequence)
select * from unnest(
    $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
    $9::timestamptz[], $10::bigint[])
on conflict (id) do nothing
"""


async def main() -> None:
    """Work the backlog off; prints submissions per second."""
    url, password, dsn, secret, count = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])
    nc = await nats.connect(url, user="storage", password=password, inbox_prefix=b"_INBOX_storage")
    js, connection = nc.jetstream(), await asyncpg.connect(dsn, password=secret)
    slots = asyncio.Semaphore(IN_FLIGHT)

    async def publish(identity: str) -> None:
        async with slots:
            body = json.dumps({"submission_id": identity, "attachments": 0}).encode()
            headers = {"Nats-Msg-Id": str(uuid.uuid4()), "ce-type": "submission.stored", "ce-specversion": "1.0"}
            await js.publish(f"submission.stored.{identity}", body, headers=headers)

    subscription = await js.pull_subscribe_bind(STORAGE_RECORD.name, STREAM)
    handled, began = 0, time.perf_counter()
    while handled < count:
        messages = await subscription.fetch(BATCH, timeout=5)
        rows: list[tuple[Any, ...]] = []
        for message in messages:
            event = json.loads(message.data)
            sequence = message.metadata.sequence.stream
            created = datetime.fromisoformat(event["created_at"])
            texts = (event["name"], event["email"], event.get("subject_line", ""), event["message"])
            rows.append((event["submission_id"], event["form"], *texts, "{}", None, created, sequence))
        await connection.execute(INSERT, *map(list, zip(*rows, strict=True)))
        await asyncio.gather(*(publish(row[0]) for row in rows))
        for message in messages:
            await message.ack()
        handled += len(messages)
    print(count / (time.perf_counter() - began))
    await connection.close()
    await nc.close()


if __name__ == "__main__":
    uvloop.run(main())
