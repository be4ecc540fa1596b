"""Files on their way into the object store: hashed, sniffed and limited while they arrive, never whole in memory.

Up to THRESHOLD bytes are one put; more is an S3 multipart upload whose next part is received while the last one is
sent. What belongs to an attempt that is not accepted is removed again.
"""

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prometheus_client import Gauge

from libs.events.catalogue import Attachment
from libs.events.errors import Transient
from libs.objects import sniff
from libs.objects.filenames import display_name
from libs.objects.metrics import SENT
from libs.objects.store import FAILURES, ObjectStore, transient
from libs.service.http import Problem
from services.ingest.form import error

if TYPE_CHECKING:
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

log = logging.getLogger(__name__)

UPLOADS = Gauge("ingest_uploads_in_progress", "Files that are being received.")

THRESHOLD = 8 << 20
"""Bytes up to which a file is sent at once, and the size of a part beyond (S3 allows no smaller than 5 MiB)."""
SLOT_SECONDS = 10.0
DISCARD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What is accepted."""

    files: int
    bytes: int
    types: tuple[str, ...]


@dataclass(slots=True)
class Staging:
    """The files of one attempt at a submission."""

    objects: ObjectStore
    slots: asyncio.Semaphore
    limits: FileLimits
    submission_id: str
    attempt: str
    attachments: list[Attachment] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    async def add(self, given_name: str, chunks: AsyncIterator[bytes]) -> None:
        """Receive one file. Raises Problem when it is not acceptable, Transient when the store is away."""
        if len(self.attachments) >= self.limits.files:
            raise Problem(
                413, "Too many files.", errors=[error("files", f"At most {self.limits.files} files can be sent.")]
            )
        number = str(len(self.attachments) + 1)
        key = f"originals/{self.submission_id}/{self.attempt}/{number}"
        async with self._slot():
            arriving = Arriving(self.objects, key, display_name(given_name), self.limits)
            self.keys.append(key)
            await arriving.receive(chunks)
        self.attachments.append(arriving.attachment(number))

    async def discard(self) -> None:
        """Remove what was staged; what cannot be removed now is left to storage's janitor."""
        if not self.keys:
            return
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                await self.objects.delete(self.keys)
        except (Transient, TimeoutError):
            log.warning("staged files are left to the janitor", extra={"count": len(self.keys)})

    @contextlib.asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(SLOT_SECONDS):
                await self.slots.acquire()
        except TimeoutError:
            raise Problem(503, "Too many files are being received right now.", retry_after=10) from None
        try:
            with UPLOADS.track_inprogress():
                yield
        finally:
            self.slots.release()


class Arriving:
    """One file while it arrives."""

    def __init__(self, objects: ObjectStore, key: str, filename: str, limits: FileLimits) -> None:
        self._objects = objects
        self._key = key
        self._filename = filename
        self._limits = limits
        self._hash = hashlib.sha256()
        self._size = 0
        self._type = ""
        self._upload_id = ""
        self._parts: list[CompletedPartTypeDef] = []
        self._sending: asyncio.Task[None] | None = None

    async def receive(self, chunks: AsyncIterator[bytes]) -> None:
        """Take all of the file; on any failure nothing of it stays."""
        buffered: list[bytes] = []
        held = 0
        try:
            async for chunk in chunks:
                self._count(chunk)
                buffered.append(chunk)
                held += len(chunk)
                if held >= sniff.PREFIX_BYTES and not self._type:
                    self._sniff(b"".join(buffered))
                if held > THRESHOLD:
                    part, held = b"".join(buffered), 0
                    buffered.clear()
                    await self._send_part(part)
                    del part
            if not self._type:
                self._sniff(b"".join(buffered))
            if not self._upload_id:
                await self._objects.put(self._key, b"".join(buffered), self._type)
                return
            if buffered:
                await self._send_part(b"".join(buffered))
            await self._complete()
        except BaseException:
            await asyncio.shield(self._abort())
            raise

    def attachment(self, number: str) -> Attachment:
        """What the event says of the file."""
        return Attachment(
            number=number,
            object_key=self._key,
            filename=self._filename,
            content_type=self._type,
            size=self._size,
            sha256=self._hash.hexdigest(),
        )

    def _count(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        self._size += len(chunk)
        if self._size > self._limits.bytes:
            most = self._limits.bytes / (1 << 20)
            message = f"“{self._filename}” is too large: a file may have at most {most:g} MiB."
            raise Problem(413, "A file is too large.", errors=[error("files", message)])

    def _sniff(self, prefix: bytes) -> None:
        self._type = sniff.content_type(prefix[: sniff.PREFIX_BYTES], self._filename)
        if self._type not in self._limits.types:
            message = f"“{self._filename}” is of a kind that is not accepted. Send PDF, Office, text or image files."
            title = "A file is of a kind that is not accepted."
            raise Problem(415, title, errors=[error("files", message)], cause="kind of file")

    async def _send_part(self, content: bytes) -> None:
        if not self._upload_id:
            try:
                answer = await self._objects.client.create_multipart_upload(
                    Bucket=self._objects.bucket, Key=self._key, ContentType=self._type
                )
            except FAILURES as failure:
                raise transient(failure) from failure
            self._upload_id = answer["UploadId"]
        await self._sent()
        self._sending = asyncio.create_task(self._put_part(len(self._parts) + 1, content))

    async def _put_part(self, number: int, content: bytes) -> None:
        try:
            answer = await self._objects.client.upload_part(
                Bucket=self._objects.bucket, Key=self._key, UploadId=self._upload_id, PartNumber=number, Body=content
            )
        except FAILURES as failure:
            raise transient(failure) from failure
        SENT.inc(len(content))
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})

    async def _sent(self) -> None:
        """Wait for the part under way; at most one is, which bounds the memory."""
        if self._sending is not None:
            sending, self._sending = self._sending, None
            await sending

    async def _complete(self) -> None:
        await self._sent()
        try:
            await self._objects.client.complete_multipart_upload(
                Bucket=self._objects.bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={"Parts": self._parts},
            )
        except FAILURES as failure:
            raise transient(failure) from failure
        self._upload_id = ""

    async def _abort(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if not self._upload_id:
            return
        try:
            async with asyncio.timeout(DISCARD_SECONDS):
                await self._objects.client.abort_multipart_upload(
                    Bucket=self._objects.bucket, Key=self._key, UploadId=self._upload_id
                )
        except FAILURES:
            log.warning("an unfinished upload is left to the janitor")
