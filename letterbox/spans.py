"""The spans of a trace, from Tempo (`LETTERBOX_TEMPO_URL`)."""

import base64
import os
from dataclasses import dataclass
from typing import Any

import aiohttp

from libs.events.errors import Transient

TEMPO_URL = "LETTERBOX_TEMPO_URL"
TIMEOUT_SECONDS = 30
FAILED = ("STATUS_CODE_ERROR", 2)


@dataclass(frozen=True, slots=True)
class Span:
    """One span."""

    span_id: str
    parent_id: str
    service: str
    name: str
    start: int
    """Nanoseconds since 1970."""
    end: int
    failed: bool

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return (self.end - self.start) / 1e9


async def spans_of(trace_id: str) -> list[Span]:
    """The spans of a trace by their start; none without Tempo, or when it was not sampled. Raises Transient."""
    url = os.environ.get(TEMPO_URL)
    if not url:
        return []
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"Accept": "application/json"}) as http,
            http.get(f"{url.rstrip('/')}/api/v2/traces/{trace_id}") as answer,
        ):
            if answer.status == 404:
                return []
            answer.raise_for_status()
            trace = (await answer.json()).get("trace") or {}
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise Transient("tempo", type(error).__name__) from None
    return sorted(_read(trace), key=lambda span: span.start)


def _read(trace: dict[str, Any]) -> list[Span]:
    """OTLP as JSON; ids are base64 there (protobuf's mapping to JSON), or hexadecimal (OTLP's own)."""
    found = []
    for resource in trace.get("resourceSpans", ()):
        named = {a["key"]: a["value"] for a in resource.get("resource", {}).get("attributes", ())}
        service = named.get("service.name", {}).get("stringValue", "")
        for span in (one for scope in resource.get("scopeSpans", ()) for one in scope.get("spans", ())):
            found.append(
                Span(
                    _hex(span["spanId"]),
                    _hex(span.get("parentSpanId", "")),
                    service,
                    span.get("name", ""),
                    int(span["startTimeUnixNano"]),
                    int(span["endTimeUnixNano"]),
                    span.get("status", {}).get("code") in FAILED,
                )
            )
    return found


def _hex(identity: str) -> str:
    return identity if len(identity) in (0, 16) else base64.b64decode(identity).hex()


def depth(span: Span, spans: list[Span]) -> int:
    """How many of the spans it is inside of."""
    parents = {one.span_id: one.parent_id for one in spans}
    deep, above = 0, span.parent_id
    while above in parents and deep < len(spans):
        deep, above = deep + 1, parents[above]
    return deep
