"""The consumer loop with a handler that does nothing, against the client's own fetch(200) loop."""

import nats

from bench.backlog import fill
from bench.measure import ROUNDS, Row, output_of, stack_for
from letterbox.local.nats import prepare_streams
from libs.events.streams import STORAGE_RECORD, STREAM

COUNT = 20_000


async def run(*, quick: bool) -> list[Row]:
    """The row."""
    count = COUNT // 10 if quick else COUNT
    rates: dict[str, list[float]] = {"raw": [], "loop": []}
    async with stack_for(("nats",)) as stack:
        await fill(stack, count)
        url, password = stack.address("nats"), stack.secret("nats-storage")
        operator = await nats.connect(
            url, user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
        )
        for _ in range(1 if quick else ROUNDS):
            for kind in rates:
                await operator.jetstream().delete_consumer(STREAM, STORAGE_RECORD.name)
                await prepare_streams(stack.home, url)
                rates[kind].append(float(await output_of("bench.consumer_process", kind, url, password, str(count))))
        await operator.close()
    return [Row.at_least("consumer loop, empty handler", rates["loop"], rates["raw"], 0.8, "messages/s")]
