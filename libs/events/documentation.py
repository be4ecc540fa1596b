"""`docs/events.md` and `docs/asyncapi.json` (AsyncAPI 3.0), generated from the catalogue and the durables."""

import json
from typing import Any

from libs.events.catalogue import EVENTS, Event, SubmissionCreated, SubmissionErased
from libs.events.streams import DURABLES, STREAM

EMITTERS = {
    "submission.created": "ingest",
    "submission.stored": "storage",
    "document.stored": "storage",
    "document.found": "indexer",
    "document.extracted": "indexer",
    "document.failed": "indexer",
    "document.indexed": "indexer",
    "document.tagged": "indexer",
    "document.previewed": "indexer",
    "notification.sent": "notifier",
    "notification.failed": "notifier",
    "submission.released": "search",
    "submission.rejected": "search",
    "submission.erased": "storage",
    "erasure.requested": "search, storage",
    "erasure.begun": "storage",
    "erasure.done": "storage, indexer, notifier",
}
CLOUD_EVENT_HEADERS = ("ce-specversion", "ce-id", "ce-type", "ce-source", "ce-time", "content-type", "traceparent")


def address(event: type[Event]) -> str:
    """The subject of an event with its parameters, e.g. `document.stored.{submission_id}.{number}`."""
    kind = SubmissionCreated.type if event is SubmissionErased else event.type
    return ".".join([kind, *(f"{{{token}}}" for token in event.tokens)])


def consumers(event: type[Event]) -> list[str]:
    """The durables that get the event."""
    return [durable.name for durable in DURABLES if event in durable.events]


def markdown() -> str:
    """The catalogue as a page for people."""
    lines = [
        "# Events",
        "",
        "Generated from `libs/events/catalogue.py` by `make docs`; do not edit.",
        "",
        f"All events live in the JetStream stream `{STREAM}`, one a subject, as CloudEvents 1.0 in NATS binary mode:",
        "headers `" + "`, `".join(CLOUD_EVENT_HEADERS) + "` around a JSON body. `ce-id` is also `Nats-Msg-Id` and is",
        "deterministic (a UUIDv5 of cause and subject), so a repeated publish is recognised.",
        "",
        "| event | subject | emitted by | consumed by |",
        "|---|---|---|---|",
    ]
    for event in EVENTS:
        durables = ", ".join(f"`{name}`" for name in consumers(event))
        link = f"[{event.type}](#{event.type.replace('.', '')})"
        lines.append(f"| {link} | `{address(event)}` | {EMITTERS[event.type]} | {durables} |")
    for event in EVENTS:
        lines += [
            "",
            f"## {event.type}",
            "",
            (event.__doc__ or "").strip(),
            "",
            "| field | type | required | meaning |",
            "|---|---|---|---|",
        ]
        schema = event.model_json_schema()
        for name, about in schema["properties"].items():
            needed = "yes" if name in schema.get("required", ()) else "no"
            lines.append(f"| `{name}` | {_kind(about)} | {needed} | {about.get('description', '')} |")
    lines += ["", "## Durable consumers", "", "| durable | filters | ack wait | in hand at most |", "|---|---|---|---|"]
    for durable in DURABLES:
        filters = ", ".join(f"`{subject}`" for subject in durable.filters)
        lines.append(f"| `{durable.name}` | {filters} | {durable.ack_wait:g} s | {durable.max_ack_pending} |")
    return "\n".join(lines) + "\n"


def asyncapi() -> str:
    """The catalogue as an AsyncAPI 3.0 document."""
    channels, operations, messages, schemas = {}, {}, {}, {}
    for event in EVENTS:
        name = event.__name__
        schema = event.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[name] = schema
        messages[name] = _message(event)
        channels[name] = {
            "address": address(event),
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "parameters": {token: {"description": f"`{token}` of the event"} for token in event.tokens},
        }
        channel = {"$ref": f"#/channels/{name}"}
        operations[f"publish{name}"] = {"action": "send", "channel": channel, "title": f"{EMITTERS[event.type]} emits"}
        for durable in consumers(event):
            key = f"consume{name}_{durable.replace('-', '_')}"
            operations[key] = {"action": "receive", "channel": channel, "title": f"the durable {durable} receives"}
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Letterbox events",
            "version": "1",
            "description": f"Events of the JetStream stream {STREAM}.",
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }
    return json.dumps(document, indent=2) + "\n"


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": event.type,
        "summary": (event.__doc__ or "").strip().split("\n")[0],
        "headers": {"type": "object", "properties": {header: {"type": "string"} for header in CLOUD_EVENT_HEADERS}},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
    }


def _kind(about: dict[str, Any]) -> str:
    if "anyOf" in about:
        return " or ".join(_kind(option) for option in about["anyOf"])
    if "$ref" in about:
        return str(about["$ref"]).rsplit("/", 1)[-1]
    if "enum" in about:
        return "one of " + ", ".join(f"`{value}`" for value in about["enum"])
    return str(about.get("format") or about.get("type", "any"))
