"""The rules that count now: those applied last, or the file that indexer was started with.

Applied rules are objects, `rules/<revision>.json`, one for each `letterbox rules apply` or `undo`; the newest counts.
Only the operator writes them. Whoever tags looks for a newer one before, unless it looked within LOOK_SECONDS: so that
long after a revision was written, nobody begins to tag with an older one.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict

from libs.events.errors import Transient
from libs.objects.store import RULES, MissingObject, ObjectStore
from services.indexer.tags import InvalidRules, Rules

LOOK_SECONDS = 2.0
MOST_BYTES = 4 << 20


class Revision(BaseModel):
    """Rules that were applied, or taken back."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    revision: int
    toml: str | None
    """The rules file; None is the one that indexer was started with."""
    at: datetime
    undoes: int = 0
    """The revision that this one takes back; 0 for none."""
    finished: bool = False
    """Whether all of history has been brought up to it."""
    changed: int = 0
    """How many documents that changed."""

    @property
    def key(self) -> str:
        """Where it is kept."""
        return f"{RULES}{self.revision:06}.json"


@dataclass(frozen=True, slots=True)
class Active:
    """The rules that count, and since which revision."""

    rules: Rules
    revision: int = 0
    undoes: int = 0

    @property
    def version(self) -> str:
        """As events and kept texts name it."""
        return f"{self.revision}-{self.rules.fingerprint}"


class ActiveRules:
    """Finds the rules that count."""

    def __init__(self, objects: ObjectStore, configured: Rules) -> None:
        self._objects = objects
        self._configured = configured
        self._active = Active(configured)
        self._key = ""
        self._looked = -LOOK_SECONDS
        self._looking = asyncio.Lock()

    async def current(self) -> Active:
        """The rules that count. Raises Transient when the store is away, or holds rules that cannot be used here."""
        async with self._looking:
            began = time.monotonic()
            if began - self._looked >= LOOK_SECONDS:
                await self._look()
                self._looked = began
            return self._active

    async def _look(self) -> None:
        key = max([key async for key, _, _ in self._objects.keys(RULES)], default="")
        if key == self._key:
            return
        found = await _read(self._objects, key) if key else None
        self._active = Active(self._configured) if found is None else self._usable(found)
        self._key = key

    def _usable(self, found: Revision) -> Active:
        try:
            rules = self._configured if found.toml is None else Rules.parse(found.toml, found.key)
        except InvalidRules as error:  # written by a newer version: waiting is better than tagging with old rules
            raise Transient("rules", str(error)) from error
        return Active(rules, found.revision, found.undoes)


async def revisions(objects: ObjectStore) -> list[Revision]:
    """Every revision, the oldest first. Raises Transient when the store is away."""
    return [await _read(objects, key) async for key, _, _ in objects.keys(RULES)]


async def put(objects: ObjectStore, revision: Revision) -> None:
    """Keep a revision; it counts within LOOK_SECONDS. Raises Transient when the store is away."""
    await objects.put(revision.key, revision.model_dump_json().encode(), "application/json")


async def _read(objects: ObjectStore, key: str) -> Revision:
    try:
        return Revision.model_validate_json(await objects.read(key, MOST_BYTES))
    except (MissingObject, ValueError) as error:
        raise Transient("rules", f"{key} cannot be read") from error
