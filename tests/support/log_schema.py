"""Judges lines of the services' logs by the schema."""

import json
from datetime import datetime
from typing import Any

from libs.service.log_fields import ALWAYS, AUDIT, AUDITED, FIELDS

KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "object": (dict,), "array": (list,)
}  # fmt: skip


def wrong(text: str) -> list[str]:
    """What is wrong with one line; nothing when it is as the schema says."""
    try:
        line = json.loads(text)
    except ValueError:
        return [f"no JSON: {text[:200]}"]
    found = [f"{name} is missing: {text[:200]}" for name in ALWAYS if name not in line]
    found += [f"{name} is not in the schema: {text[:200]}" for name in line.keys() - FIELDS.keys()]
    found += [
        f"{name} is no {FIELDS[name].kind}: {text[:200]}"
        for name, value in line.items()
        if name in FIELDS and not _fits(name, value)
    ]
    audited = line.get("stream") == AUDIT
    if audited != (line.get("logger") == AUDIT) or (audited and not AUDITED.keys() <= line.keys()):
        found.append(f"half an audit line: {text[:200]}")
    if not found:
        datetime.fromisoformat(line["ts"])
    return found


def _fits(name: str, value: Any) -> bool:
    if value is None:
        return name == "key_id"
    kind = FIELDS[name].kind
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
