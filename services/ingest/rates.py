"""Rate limits in fixed memory: a token bucket for each address and each form, checked before a body is read."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Annotated

from pydantic import BeforeValidator

PERIODS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}
MOST_KEYS = 50_000
"""Buckets kept at once; the one unused for longest goes first."""


@dataclass(frozen=True, slots=True)
class Limit:
    """`count` in `seconds`."""

    count: int
    seconds: float


def parse(value: object) -> Limit | None:
    """`30/minute` as a limit; `off` as none. Raises ValueError for anything else."""
    if value is None or isinstance(value, Limit):
        return value
    text = str(value).strip().lower()
    if text == "off":
        return None
    count, _, period = text.partition("/")
    if not count.isdecimal() or int(count) < 1 or period not in PERIODS:
        raise ValueError("must be like 30/minute (second, minute or hour), or off")
    return Limit(int(count), PERIODS[period])


Rate = Annotated[Limit | None, BeforeValidator(parse)]


class Rates:
    """One limit, kept apart for each key."""

    def __init__(self, limit: Limit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._instances = 1
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def share(self, instances: int) -> None:
        """From now on this is one of `instances` doors, between which visitors are spread: each allows its part."""
        self._instances = max(1, instances)

    def take(self, key: str) -> int:
        """0 when one more is allowed for `key` (and counted), otherwise the seconds after which it will be."""
        if self._limit is None:
            return 0
        most = max(1.0, self._limit.count / self._instances)
        now, each = self._clock(), self._limit.count / self._limit.seconds / self._instances
        tokens, since = self._buckets.pop(key, (most, now))
        tokens = min(most, tokens + (now - since) * each)
        wait = 0 if tokens >= 1 else max(1, math.ceil((1 - tokens) / each))
        self._buckets[key] = (tokens if wait else tokens - 1, now)
        if len(self._buckets) > MOST_KEYS:
            self._buckets.popitem(last=False)
        return wait


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """What counts as one address: an IPv6 network of 64 bits belongs to one customer."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64)) + "/64"
    return str(parsed)
