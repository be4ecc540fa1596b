"""`POST /contact`, JSON, 64 clients, accepted per second, against one acknowledged publish and nothing else."""

from bench.measure import RATES_OFF, ROUNDS, Row, free_port, output_of, process, stack_for

CLIENTS = 64
REQUESTS = 6400


async def run(*, quick: bool) -> list[Row]:
    """The row."""
    requests = str(REQUESTS // 8 if quick else REQUESTS)
    ours: list[float] = []
    baseline: list[float] = []
    async with stack_for(("nats", "object-store", "ingest"), {"ingest": RATES_OFF}) as stack:
        port = str(free_port())
        other = [stack.address("nats"), "ingest", stack.secret("nats-ingest"), port]
        async with process("bench.baseline_accept", *other) as child:
            assert child.stdout is not None
            await child.stdout.readline()
            ours_port = str(stack.ports["ingest"])
            for target in (port, ours_port):  # both warm
                await output_of("bench.load", "127.0.0.1", target, "/contact", str(CLIENTS), str(CLIENTS * 5))
            for _ in range(1 if quick else ROUNDS):
                for target, rates in ((port, baseline), (ours_port, ours)):
                    load = await output_of("bench.load", "127.0.0.1", target, "/contact", str(CLIENTS), requests)
                    rates.append(float(load))
    return [Row.at_least("accept: POST /contact, JSON, 64 clients", ours, baseline, 0.7, "/s")]
