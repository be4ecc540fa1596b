"""The owner's keys: hashes in a file, so that they open the door while PostgreSQL is away."""

import hashlib
import hmac
import logging
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, StringConstraints, ValidationError, field_validator

from libs.service import audit

log = logging.getLogger(__name__)

KEYS_FILE_BYTES = 1024 * 1024
"""A keys file is never larger; what is larger is not read."""


class Key(BaseModel):
    """One key: what it is called, and the hash of what opens the door."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class KeysFile(BaseModel):
    """The file `{"keys": [{"id", "sha256"}]}`."""

    keys: tuple[Key, ...]

    @field_validator("keys")
    @classmethod
    def _ids_are_unique(cls, keys: tuple[Key, ...]) -> tuple[Key, ...]:
        if len({key.id for key in keys}) != len(keys):
            raise ValueError("two keys have the same id")
        return keys


class Keys:
    """The keys of a file, as it is now. A file that is gone or broken changes nothing but the log."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._keys: tuple[Key, ...] = ()

    def match(self, presented: str) -> Key | None:
        """The key that `presented` is, compared in the same time whichever it is."""
        digest = hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()
        found = None
        for key in self._current():
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def named(self, key_id: str) -> Key | None:
        """The key with this id, if the file still has it."""
        return next((key for key in self._current() if key.id == key_id), None)

    async def check(self) -> None:
        """Raise LookupError while there is no key at all: nobody could come in."""
        if not self._current():
            raise LookupError("the keys file has no key")

    def _current(self) -> tuple[Key, ...]:
        try:
            status = self._path.stat()
            seen: tuple[int, ...] = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            seen = ()
        if seen != self._seen:
            self._seen = seen
            self._read(seen)
        return self._keys

    def _read(self, seen: tuple[int, ...]) -> None:
        try:
            if not seen:
                raise FileNotFoundError
            with self._path.open("rb") as file:
                keys = KeysFile.model_validate_json(file.read(KEYS_FILE_BYTES)).keys
        except (OSError, ValidationError) as error:
            log.error(
                "the keys file cannot be read; the keys read before stay valid",
                extra={"error": type(error).__name__, "count": len(self._keys)},
            )
        else:
            log.info("keys read", extra={"count": len(keys)})
            self._replace(keys)

    def _replace(self, keys: tuple[Key, ...]) -> None:
        """Take the keys of a file that was read; what changed since the last one is in the audit log."""
        before, now = ({(key.id, key.sha256) for key in some} for some in (self._keys, keys))
        if self._keys and before != now:
            audit.record(
                "keys changed",
                None,
                added=sorted(key_id for key_id, _ in now - before),
                removed=sorted(key_id for key_id, _ in before - now),
            )
        self._keys = keys
