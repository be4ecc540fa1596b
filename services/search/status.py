"""`GET /status`: how everything is now, for the owner; a page for people, JSON for programs.

It needs nothing but what search has, and shows what it can while any of that is away.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from libs.events.backlog import Backlog, backlog, oldest
from libs.events.connect import Nats
from libs.events.errors import Transient
from libs.events.journal import Journal
from libs.events.streams import DEAD_LETTERS, DURABLES, Durable
from libs.index.protocol import Unavailable
from services.search.operations import Service
from services.search.parts import PARTS, Parts
from services.search.rendering import page

T = TypeVar("T")

LOOK_SECONDS = 3.0
REFRESH_SECONDS = 5
MISSING_NAMES = {"mail": "mail", "antivirus": "virus scanner"}
"""What only a service can tell of: what it lacks, and how people call that."""
DOES = {
    "storage-record": "keeps what was sent",
    "storage-journey": "follows every event",
    "storage-erasure": "erases the record",
    "indexer-extract": "reads documents",
    "indexer-index": "makes them findable",
    "indexer-preview": "draws their pages",
    "indexer-erasure": "erases texts and index",
    "notifier-mail": "sends mails",
    "notifier-erasure": "erases the mails' ledger",
}


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something the services stand on."""

    name: str
    reachable: bool | None
    """None: nobody could tell."""


@dataclass(frozen=True, slots=True)
class Step:
    """One durable: what it does, and what it has still to do."""

    durable: str
    service: str
    does: str
    backlog: Backlog | None
    """None while NATS does not answer."""
    oldest_seconds: float | None
    paused_by: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The step for programs."""
        known = self.backlog
        return {
            "durable": self.durable,
            "service": self.service,
            "backlog": known.unsettled if known else None,
            "in_hand": known.in_hand if known else None,
            "redelivered": known.redelivered if known else None,
            "oldest_seconds": None if self.oldest_seconds is None else round(self.oldest_seconds, 1),
            "paused_by": list(self.paused_by),
        }


@dataclass(frozen=True, slots=True)
class State:
    """Everything, as it was at one moment; what could not be found out is None."""

    time: datetime
    dependencies: list[Dependency]
    services: list[Service]
    steps: list[Step]
    dead_letters: int | None
    held: int | None
    submissions: list[dict[str, Any]] | None

    @property
    def backlog(self) -> int | None:
        """Submissions' events that some step has not settled, all steps together."""
        totals = [step.backlog.unsettled for step in self.steps if step.backlog is not None]
        return sum(totals) if len(totals) == len(self.steps) else None

    @property
    def troubles(self) -> list[str]:
        """What is wrong now, in words, the gravest first."""
        down = [f"{service.name} does not run." for service in self.services if not service.is_reachable]
        away = [f"{one.name} cannot be reached." for one in self.dependencies if one.reachable is False]
        waits = [f"{step.durable} waits for {', '.join(step.paused_by)}." for step in self.steps if step.paused_by]
        letters = self.dead_letters or 0
        given_up = [f"{letters} message{'s were' if letters > 1 else ' was'} given up on."] if letters else []
        return [*down, *away, *waits, *given_up]

    def as_json(self) -> dict[str, object]:
        """The state for programs."""
        submissions = self.submissions
        return {
            "time": self.time.isoformat(timespec="seconds"),
            "well": not self.troubles,
            "troubles": self.troubles,
            "dependencies": {one.name: one.reachable for one in self.dependencies},
            "services": {
                one.name: {"reachable": one.is_reachable, "instances": one.instances, "missing": list(one.missing)}
                for one in self.services
            },
            "steps": [step.as_json() for step in self.steps],
            "backlog": self.backlog,
            "dead_letters": self.dead_letters,
            "held": self.held,
            "submissions": submissions
            and [{**one, "created_at": one["created_at"].isoformat(timespec="seconds")} for one in submissions],
        }


async def status_page(request: web.Request) -> web.Response:
    """How everything is now."""
    state = await look(request.app[PARTS])
    if "text/html" not in request.headers.get("Accept", ""):
        return web.json_response(state.as_json(), headers={"Cache-Control": "private, no-store"})
    refresh = None if "still" in request.query else REFRESH_SECONDS
    return page("status.html", {"state": state, "refresh": refresh})


async def look(parts: Parts) -> State:
    """Ask everything at once, and wait for none of it longer than LOOK_SECONDS."""
    nc = parts.stream.nc
    (services, steps, letters), (submissions, held), (objects, index) = await asyncio.gather(
        asyncio.gather(parts.operations.services(), _steps(nc), _tried(lambda: _letters(nc))),
        asyncio.gather(_tried(parts.records.recent), _tried(parts.records.held_count)),
        asyncio.gather(_answers(parts.objects.check), _answers(parts.index.ready)),
    )
    now = datetime.now(UTC)
    paused = [pair for service in services for pair in service.paused]
    return State(
        time=now,
        dependencies=[
            Dependency("NATS", letters is not None),
            Dependency("PostgreSQL", submissions is not None),
            Dependency("object store", objects),
            Dependency("search index", index),
            *_told(services),
        ],
        services=services,
        steps=[
            Step(
                durable.name,
                durable.name.split("-")[0],
                DOES.get(durable.name, ""),
                known,
                None if known is None else max(0.0, (now - since).total_seconds()) if since else 0.0,
                tuple(sorted(what for name, what in paused if name == durable.name)),
            )
            for durable, (known, since) in zip(DURABLES, steps, strict=True)
        ],
        dead_letters=letters,
        held=held,
        submissions=submissions,
    )


def _told(services: list[Service]) -> list[Dependency]:
    """Mail, which only notifier can reach; and what else a service lacks that search does not know itself."""
    notifier = next((one for one in services if one.name == "notifier" and one.is_reachable), None)
    mail = None if notifier is None else "mail" not in notifier.missing
    lacked = {what for one in services for what in one.missing if what in MISSING_NAMES} - {"mail"}
    return [Dependency("mail", mail), *(Dependency(MISSING_NAMES[what], False) for what in sorted(lacked))]


async def _steps(nc: Nats | None) -> list[tuple[Backlog | None, datetime | None]]:
    """Of each durable: its backlog, and since when the oldest of it waits."""

    async def one(durable: Durable) -> tuple[Backlog, datetime | None]:
        seen = await backlog(_there(nc), durable.name)
        return seen, await oldest(_there(nc), durable, seen)

    return [known or (None, None) for known in await asyncio.gather(*(_tried(partial(one, d)) for d in DURABLES))]


async def _letters(nc: Nats | None) -> int:
    return (await Journal(_there(nc), DEAD_LETTERS).state()).messages


def _there(nc: Nats | None) -> Nats:
    if nc is None or not nc.is_connected:
        raise Transient("nats", "not connected")
    return nc


async def _tried(ask: Callable[[], Awaitable[T]]) -> T | None:
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return await ask()
    except (Transient, Unavailable, TimeoutError):
        return None


async def _answers(check: Callable[[], Awaitable[None]]) -> bool:
    async def checked() -> bool:
        await check()
        return True

    return bool(await _tried(checked))
