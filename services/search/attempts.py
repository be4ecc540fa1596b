"""How many wrong keys an address may try: so that guessing fills neither the audit log nor the processor.

Only wrong keys are counted and refused. A right key always opens: it has 256 bits, so waiting protects nothing, and a
stranger who shares the owner's address (an office, a mobile network) must not be able to lock the owner out.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from aiohttp import web

from services.search.settings import Network

BURST = 20
"""Wrong keys an address may try at once."""
EVERY_SECONDS = 3.0
"""One more after each such pause."""
ADDRESSES = 10_000
"""Addresses remembered; the one that tried longest ago is forgotten first."""


class Attempts:
    """Wrong keys by address, in bounded memory."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def wrong(self, address: str) -> int | None:
        """Count a wrong key; seconds to wait when `address` tried too many, otherwise None."""
        now = self._clock()
        # The time at which the address has its whole burst back: one number is the whole bucket.
        free_at = max(now, self._free_at.pop(address, now)) + EVERY_SECONDS
        limited = free_at - now > BURST * EVERY_SECONDS
        self._free_at[address] = free_at - EVERY_SECONDS if limited else free_at
        if len(self._free_at) > ADDRESSES:
            self._free_at.popitem(last=False)
        return max(1, int(free_at - now - BURST * EVERY_SECONDS) + 1) if limited else None


def address_of(request: web.Request, trusted: Sequence[Network]) -> str:
    """The client's address, IPv6 by its /64: the peer, or what a trusted peer says at the end of X-Forwarded-For."""
    peer = _parsed(request.remote)
    if peer is not None and any(peer in network for network in trusted):
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        peer = _parsed(hops[-1]) or peer
    if isinstance(peer, IPv6Address):
        return str(IPv6Network((peer, 64), strict=False))
    return str(peer or "unknown")


def _parsed(text: str | None) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address((text or "").strip())
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
