"""CloudEvents 1.0 in NATS binary mode: `ce-*` headers around a JSON body.

Source: the CloudEvents specification and its NATS protocol binding. `ce-id` is also `Nats-Msg-Id`, so a repeat is
recognised by the server; `traceparent` carries the W3C trace context.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import ValidationError

from libs.events.catalogue import BY_TYPE, Event
from libs.events.errors import InvalidEvent

MESSAGE_ID = "Nats-Msg-Id"
REDRIVE = "redrive."


def headers_for(event: Event, identity: str, source: str) -> dict[str, str]:
    """The CloudEvents headers of `event` with the id `identity`, emitted by the service `source`."""
    return {
        "ce-specversion": "1.0",
        "ce-id": identity,
        "ce-type": event.type,
        "ce-source": f"/letterbox/{source}",
        "ce-time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "content-type": "application/json",
        MESSAGE_ID: identity,
    }


def open_envelope(subject: str, headers: Mapping[str, str] | None, body: bytes) -> tuple[Event, str]:
    """The event of the catalogue inside a message, and its id.

    `subject` is where it arrived; the prefix `redrive.<durable>.` of a redelivered copy is looked through.
    Raises InvalidEvent when a header is missing, the type is unknown, the payload does not validate, or the event
    does not belong on its subject (whoever may publish can forge).
    """
    headers = headers or {}
    identity, kind = headers.get("ce-id"), headers.get("ce-type")
    if not identity or not kind:
        raise InvalidEvent("the headers ce-id and ce-type are required")
    model = BY_TYPE.get(kind)
    if model is None:
        raise InvalidEvent(f"unknown event type {kind!r}")
    try:
        event = model.model_validate_json(body)
    except ValidationError as error:
        fields = ", ".join(sorted({".".join(map(str, e["loc"])) or "body" for e in error.errors()}))
        raise InvalidEvent(f"{kind} does not validate: {fields}") from None
    if event.subject != own_subject(subject):
        raise InvalidEvent(f"{kind} does not belong on its subject")
    return event, identity


def own_subject(subject: str) -> str:
    """The subject of the event itself, looking through the prefix `redrive.<durable>.` of a redelivered copy."""
    return subject.split(".", 2)[2] if subject.startswith(REDRIVE) else subject
