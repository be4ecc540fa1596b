"""Log lines about something, wherever the logs are: in a local stack's folder, or in Loki (`LETTERBOX_LOKI_URL`)."""

import json
import os
import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from letterbox.local.home import Home
from libs.events.errors import Transient

LOKI_URL = "LETTERBOX_LOKI_URL"
LINES_MOST = 5000
"""Loki gives no more at once (its default `max_entries_limit_per_query`)."""
LONGEST = timedelta(days=30)
"""Loki looks through no longer time at once (its default `max_query_length`)."""
TIMEOUT_SECONDS = 30

Line = dict[str, Any]


def pattern(ids: Iterable[str], sequences: Collection[int] = ()) -> str:
    """What lines about these ids and numbers of the stream match, for Python and for Loki (RE2) alike."""
    numbers = "|".join(map(str, sorted(sequences)))
    ways = [*map(re.escape, ids), *([f'"sequence": ({numbers})[,}}]'] if numbers else [])]
    return "|".join(ways)


async def log_lines(matching: str, since: datetime | None = None) -> list[Line]:
    """Lines that match, oldest first, from `since` on. Raises Transient when Loki does not answer."""
    url = os.environ.get(LOKI_URL)
    texts = await _from_loki(url, matching, since) if url else _from_files(matching)
    lines = [line for line in map(_opened, texts) if line is not None]
    # Of one millisecond, the lines of a service stay in their order: Loki and files give those of several differently.
    return sorted(lines, key=lambda line: (str(line.get("ts", "")), str(line.get("service", ""))))


def _from_files(matching: str) -> list[str]:
    wanted, found = re.compile(matching), list[str]()
    for file in sorted(Home.from_environment().logs.glob("*.log")):
        with file.open(encoding="utf-8", errors="replace") as log:
            found += [line for line in log if wanted.search(line)]
    return found


async def _from_loki(url: str, matching: str, since: datetime | None) -> list[str]:
    """Asks `query_range` (Loki's HTTP API)."""
    now = datetime.now(UTC)
    begin = max(since or now - LONGEST, now - LONGEST)
    asked = {
        "query": f'{{service=~".+"}} |~ {json.dumps(matching)}',
        "start": str(int(begin.timestamp() * 1e9)),
        "end": str(int(now.timestamp() * 1e9)),
        "limit": str(LINES_MOST),
        "direction": "forward",
    }
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(f"{url.rstrip('/')}/loki/api/v1/query_range", params=asked) as answer,
        ):
            answer.raise_for_status()
            streams = (await answer.json())["data"]["result"]
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
        raise Transient("loki", type(error).__name__) from None
    return [value[1] for stream in streams for value in stream["values"]]


def _opened(text: str) -> Line | None:
    """The line as an object; None for what is no line of a service."""
    try:
        line = json.loads(text)
    except ValueError:
        return None
    return line if isinstance(line, dict) and "message" in line and "service" in line else None
