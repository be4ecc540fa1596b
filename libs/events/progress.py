"""How far the durables are in the stream."""

from collections.abc import Mapping, Sequence
from typing import Any

from libs.events.journal import Journal


async def passed(journal: Journal, durables: Sequence[str]) -> int:
    """The sequence that each of the durables has left behind for good: handed out, and nothing before it in hand.

    Raises Transient when NATS does not answer.
    """
    last = (await journal.state()).last
    return min([await _passed(journal, durable, last) for durable in durables], default=last)


async def _passed(journal: Journal, durable: str, last: int) -> int:
    info = await journal.consumer(durable)
    if not info["num_pending"] and not info["num_ack_pending"]:
        return last
    return settled_until(info)


def settled_until(info: Mapping[str, Any]) -> int:
    """Up to which sequence of the stream a consumer with this info has left everything behind that was handed out."""
    # The floor stays behind a message that was given up on, so it counts only while something is in hand.
    return int((info["ack_floor"] if info["num_ack_pending"] else info["delivered"])["stream_seq"])
