"""Ports for tests that run at the same time: each worker of pytest-xdist takes from a share of its own."""

import os
import random
import socket
from contextlib import suppress
from itertools import cycle

FREE = range(15_000, 20_000)
"""For tests themselves; below those that the system lends to outgoing connections, so what is free stays free."""
STACKS = range(20_000, 32_000)
"""For the parts of stacks."""


def share(whole: range, worker: str, workers: int) -> range:
    """The part of `whole` that belongs to `worker`, e.g. `gw1`, of so many; all of it without workers."""
    if not worker:
        return whole
    size = len(whole) // workers
    start = whole.start + size * int(worker.removeprefix("gw"))
    return range(start, start + size)


def own_share(whole: range) -> range:
    """The part of `whole` that belongs to this process."""
    environment = os.environ
    return share(
        whole, environment.get("PYTEST_XDIST_WORKER", ""), int(environment.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    )


_in_turn = cycle(random.sample(own_share(FREE), len(own_share(FREE))))
"""Who gets a port need not listen on it before the next one asks: chance alone would give it twice."""


def free_port() -> int:
    """A port of this worker's that nobody listens on now, and that was not given before while there are others."""
    while True:
        port = next(_in_turn)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
