"""Files of a backup, encrypted with age and written or read as streams: what is in them never touches the disk."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyrage

from letterbox.local.failure import CannotStart

BLOCK = 1 << 20
SUFFIX = ".age"


class Unsealable(Exception):
    """A file cannot be decrypted: it is damaged, or it was encrypted for another key."""


class Key:
    """The key of the backups, from its text."""

    def __init__(self, text: str) -> None:
        """Raises CannotStart when it is no age identity."""
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        try:
            self._identity = pyrage.x25519.Identity.from_str(lines[0] if lines else "")
        except pyrage.IdentityError:
            raise CannotStart("The backups' key is no age identity (AGE-SECRET-KEY-1...).") from None
        self._recipients = [self._identity.to_public()]

    def seal(self, content: bytes) -> bytes:
        """`content`, encrypted."""
        return bytes(pyrage.encrypt(content, self._recipients))

    def unseal(self, content: bytes) -> bytes:
        """What was encrypted. Raises Unsealable."""
        try:
            return bytes(pyrage.decrypt(content, [self._identity]))
        except pyrage.DecryptError as error:
            raise Unsealable(str(error)) from None

    @contextmanager
    def writing(self, path: Path) -> Iterator[BinaryIO]:
        """A file to write to; what is written is in `path`, encrypted, when it is closed."""

        def work(reader: BinaryIO) -> None:
            with reader, path.open("xb") as out:
                pyrage.encrypt_io(reader, out, self._recipients)
                out.flush()
                os.fsync(out.fileno())

        ends = os.pipe()
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work, os.fdopen(ends[0], "rb"))
            with os.fdopen(ends[1], "wb") as writer:
                yield writer
            working.result()

    @contextmanager
    def reading(self, path: Path) -> Iterator[BinaryIO]:
        """What was encrypted into `path`, to read from. Raises Unsealable at the end, when it was not all whole."""

        def work(writer: BinaryIO) -> None:
            with writer, path.open("rb") as source:
                pyrage.decrypt_io(source, writer, [self._identity])

        ends = os.pipe()
        with ThreadPoolExecutor(1) as pool:
            working = pool.submit(work, os.fdopen(ends[1], "wb"))
            with os.fdopen(ends[0], "rb") as reader:
                yield reader
            try:
                working.result()
            except BrokenPipeError:  # the reader had enough
                return
            except (pyrage.DecryptError, OSError) as error:
                raise Unsealable(f"{path.name}: {error}") from None


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
