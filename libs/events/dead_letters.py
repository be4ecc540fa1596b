"""Dead letters: messages given up on, kept with their reason and what is needed to try them again.

A dead letter sits on `dead.<durable>.<original subject>` in DEAD_LETTERS, with the original headers and body.
"""

from nats.aio.client import Client
from nats.aio.msg import Msg

from libs.events import metrics
from libs.events.envelope import MESSAGE_ID
from libs.events.errors import NotPublished
from libs.events.publish import acknowledged
from libs.events.streams import STREAM

REASON = "Letterbox-Reason"
DURABLE = "Letterbox-Durable"
SEQUENCE = "Letterbox-Sequence"
DELIVERIES = "Letterbox-Deliveries"

_SERVER_HEADERS = ("nats-expected-", "nats-msg-id")


async def bury(nc: Client, durable: str, message: Msg, reason: str) -> None:
    """Keep `message` in DEAD_LETTERS and only then end its delivery.

    The id is deterministic, so a crash between the two steps makes no second letter. Raises Transient when the
    letter could not be stored; the delivery then goes on.
    """
    metadata = message.metadata
    original = message.subject
    kept = {k: v for k, v in (message.headers or {}).items() if not k.lower().startswith(_SERVER_HEADERS)}
    headers = kept | {
        MESSAGE_ID: f"dead:{STREAM}:{durable}:{metadata.sequence.stream}",
        REASON: header_safe(reason),
        DURABLE: durable,
        SEQUENCE: str(metadata.sequence.stream),
        DELIVERIES: str(metadata.num_delivered),
    }
    answer = await acknowledged(nc, f"dead.{durable}.{original}", message.data, headers)
    if "error" in answer:
        raise NotPublished("nats", answer["error"].get("description", "refused"))
    metrics.DEAD_LETTERS.labels(durable).inc()
    await nc.publish(message.reply, b"+TERM dead letter")


def header_safe(text: str) -> str:
    """`text` as one printable line of at most 300 characters, fit for a header."""
    return "".join(c if c.isprintable() and c.isascii() else " " for c in text)[:300].strip() or "unknown"
