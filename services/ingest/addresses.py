"""Whose request it is: the peer, or what the gateway says, and only the gateway."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web

Networks = tuple[IPv4Network | IPv6Network, ...]


def client_address(request: web.Request, trusted: Networks) -> str:
    """The visitor's address: the last hop of `X-Forwarded-For` when the peer is the gateway, otherwise the peer."""
    peer = request.remote or ""
    if not _is_gateway(peer, trusted):
        return peer
    return ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip() or peer


@lru_cache(maxsize=1024)
def _is_gateway(peer: str, trusted: Networks) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    return any(address in network for network in trusted)
