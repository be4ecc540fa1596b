"""Whose request it is: the peer, or what the gateway says, and only the gateway."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address

from aiohttp import web


def client_address(request: web.Request, trusted: Sequence[IPv4Network | IPv6Network]) -> str:
    """The visitor's address: the last hop of `X-Forwarded-For` when the peer is the gateway, otherwise the peer."""
    peer = request.remote or ""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if not any(address in network for network in trusted):
        return peer
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",")]
    return hops[-1] or peer
