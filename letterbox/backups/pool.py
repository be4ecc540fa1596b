"""The objects of all backups, each kept once: encrypted, in a file that is named by the SHA-256 of its bytes.

Objects hardly ever change, so a backup copies only those that the one before has not.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from letterbox.backups.manifest import Unusable
from letterbox.backups.sealed import SUFFIX, Key, Unsealable, sha256_of
from libs.objects.store import FAILURES, ObjectStore, transient

AT_ONCE = 8
FILES, LISTING = "objects.txt", f"objects.jsonl{SUFFIX}"
"""The pool's files of a backup, for everybody; what is in them, encrypted, for file names are personal data."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One object as it was."""

    key: str
    file: str
    """In the pool."""
    sha256: str
    size: int
    content_type: str
    metadata: dict[str, str]
    etag: str
    changed: float


class Pool:
    """A folder of encrypted objects."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, name: str) -> Path:
        """Where a file of the pool is."""
        return self.folder / name[:2] / f"{name}{SUFFIX}"

    async def take(self, store: ObjectStore, key: Key, before: Sequence[Kept]) -> tuple[list[Kept], int]:
        """Copy every object of the bucket that is not among `before`; returns all, and how many were copied."""
        known = {(one.key, one.etag, one.size, one.changed): one for one in before if self.path(one.file).exists()}
        slots, copied = asyncio.Semaphore(AT_ONCE), 0

        async def keep(item: dict[str, Any]) -> Kept | None:
            nonlocal copied
            changed = item["LastModified"].timestamp()
            there = known.get((item["Key"], item["ETag"], item["Size"], changed))
            if there is not None:
                return there
            async with slots:
                kept = await self._copy(store, key, item["Key"], changed)
            copied += kept is not None
            return kept

        found: list[Kept] = []
        try:
            async for page in store.client.get_paginator("list_objects_v2").paginate(Bucket=store.bucket):
                kept = await asyncio.gather(*(keep(dict(item)) for item in page.get("Contents", ())))
                found += [one for one in kept if one is not None]
        except FAILURES as error:
            raise transient(error) from error
        return found, copied

    async def put_back(self, store: ObjectStore, key: Key, kept: Sequence[Kept]) -> list[str]:
        """Put objects into the bucket; returns the keys of those that are missing or damaged."""
        slots, lost = asyncio.Semaphore(AT_ONCE), list[str]()

        async def put(one: Kept) -> None:
            async with slots:
                try:
                    content = await asyncio.to_thread(self._content, one, key)
                except (OSError, Unsealable, Unusable):
                    lost.append(one.key)
                    return
                try:
                    await store.client.put_object(
                        Bucket=store.bucket,
                        Key=one.key,
                        Body=content,
                        ContentType=one.content_type,
                        Metadata=one.metadata,
                    )
                except FAILURES as error:
                    raise transient(error) from error

        for begin in range(0, len(kept), 1000):
            await asyncio.gather(*(put(one) for one in kept[begin : begin + 1000]))
        return sorted(lost)

    def damaged(self, names: Sequence[str]) -> list[str]:
        """Those of the files that are missing or not what they were."""
        return [name for name in names if not self._is_whole(name)]

    def expire(self, backups: Sequence[Path]) -> None:
        """Remove the files that none of the backups names, and what interrupted copies left."""
        wanted = {name for folder in backups for name in names_of(folder)}
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name.removesuffix(SUFFIX) not in wanted:
                file.unlink()

    async def _copy(self, store: ObjectStore, key: Key, name: str, changed: float) -> Kept | None:
        """None when it was erased meanwhile."""
        try:
            answer = await store.client.get_object(Bucket=store.bucket, Key=name)
            content = await answer["Body"].read()
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise transient(error) from error
        file = await asyncio.to_thread(self._write, key.seal(content))
        sha256 = hashlib.sha256(content).hexdigest()
        about = (answer.get("ContentType", ""), dict(answer.get("Metadata", {})), answer["ETag"], changed)
        return Kept(name, file, sha256, len(content), *about)

    def _write(self, sealed: bytes) -> str:
        name = hashlib.sha256(sealed).hexdigest()
        path = self.path(name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}")
        with draft.open("wb") as out:
            out.write(sealed)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(path)
        return name

    def _content(self, one: Kept, key: Key) -> bytes:
        sealed = self.path(one.file).read_bytes()
        if hashlib.sha256(sealed).hexdigest() != one.file:
            raise Unusable(one.key)
        content = key.unseal(sealed)
        if hashlib.sha256(content).hexdigest() != one.sha256:
            raise Unusable(one.key)
        return content

    def _is_whole(self, name: str) -> bool:
        path = self.path(name)
        return path.is_file() and sha256_of(path) == name


def write_listing(folder: Path, kept: Sequence[Kept], key: Key) -> None:
    """Write down which objects belong to the backup in `folder`."""
    names = sorted({one.file for one in kept})
    (folder / FILES).write_text("".join(f"{name}\n" for name in names), encoding="ascii")
    with key.writing(folder / LISTING) as out:
        for one in kept:
            out.write(json.dumps(asdict(one)).encode() + b"\n")


def read_listing(folder: Path, key: Key) -> list[Kept]:
    """The objects of a backup. Raises Unsealable."""
    return list(_listed(folder, key))


def names_of(folder: Path) -> list[str]:
    """The pool's files that a backup needs."""
    return (folder / FILES).read_text(encoding="ascii").split()


def _listed(folder: Path, key: Key) -> Iterator[Kept]:
    with key.reading(folder / LISTING) as source:
        for line in source:
            yield Kept(**json.loads(line))
