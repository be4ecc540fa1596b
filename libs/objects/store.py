"""Objects in one bucket of any S3 store.

Keys hold no names: `originals/<submission>/<attempt>/<number>` is ingest's; `text/<submission>/…`,
`found/<submission>/…` (files inside files) and `preview/<submission>/…` (pictures of pages) are the indexer's.
`rules/…` (tag rules that were applied) is the operator's.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError
from botocore.handlers import add_expect_header
from opentelemetry.trace import SpanKind

from libs.events.errors import Transient
from libs.objects.download import CONNECT_SECONDS, READ_SECONDS, Downloads, MissingObject
from libs.objects.filenames import within
from libs.objects.metrics import SENT, counting
from libs.service.settings import ObjectSettings
from libs.service.tracing import span

__all__ = ["MissingObject", "ObjectStore", "TooLarge", "object_store", "transient"]

if TYPE_CHECKING:
    from types_aiobotocore_s3.client import S3Client

ORIGINALS = "originals/"
TEXTS = "text/"
FOUND = "found/"
PREVIEWS = "preview/"
RULES = "rules/"
WITHOUT_VERSIONS = ("NotImplemented", "MethodNotAllowed")
NAME = "name"
"""The user metadata that holds an object's name, percent-encoded."""
NAME_BYTES = 600
"""Of a name in UTF-8; S3 takes 2 KB of user metadata, and each byte may need three."""
DELETE_MOST = 1000
"""S3's own limit of keys in one delete request."""


class TooLarge(Exception):
    """The object has more bytes than the caller wants to hold in memory."""


def transient(error: Exception) -> Transient:
    """The store's failure as what it means here: it is away or refuses for now."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    return Transient("object-store", code or type(error).__name__)


FAILURES = (BotoCoreError, ClientError, HttpError, OSError, TimeoutError)


class ObjectStore:
    """One bucket. Every method raises Transient when the store is away."""

    def __init__(self, client: "S3Client", bucket: str, downloads: Downloads) -> None:
        self.client = client
        self.bucket = bucket
        self._downloads = downloads

    async def put(self, key: str, content: bytes, content_type: str, name: str = "") -> None:
        """Keep `content` under `key`, whole or not at all; an object already there is replaced.

        A `name` travels with it, cut to NAME_BYTES.
        """
        about = {NAME: quote(within(name, NAME_BYTES), safe="")} if name else {}
        try:
            with span("upload", SpanKind.CLIENT):
                await self.client.put_object(
                    Bucket=self.bucket, Key=key, Body=content, ContentType=content_type, Metadata=about
                )
        except FAILURES as error:
            raise transient(error) from error
        SENT.inc(len(content))

    async def name_of(self, key: str) -> str:
        """The name that travels with the object; empty when it has none. Raises MissingObject."""
        try:
            answer = await self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                raise MissingObject(key) from None
            raise transient(error) from error
        except FAILURES as error:
            raise transient(error) from error
        return unquote(answer["Metadata"].get(NAME, ""))

    async def read(self, key: str, most: int) -> bytes:
        """The object's bytes. Raises MissingObject, or TooLarge when it has more than `most` bytes."""
        content = bytearray()
        with span("download", SpanKind.CLIENT):
            async for chunk in self.stream(key):
                content += chunk
                if len(content) > most:
                    raise TooLarge(key)
        return bytes(content)

    def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """The object's bytes in chunks. Raises MissingObject before the first one."""
        return self._downloads.stream(key)

    async def delete(self, keys: Sequence[str]) -> None:
        """Remove the objects; a key that is not there is no error."""
        for begin in range(0, len(keys), DELETE_MOST):
            some = keys[begin : begin + DELETE_MOST]
            try:
                answer = await self.client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )
            except FAILURES as error:
                raise transient(error) from error
            if answer.get("Errors"):
                raise Transient("object-store", f"{len(answer['Errors'])} objects could not be removed")

    async def keys(self, prefix: str, *, after: str = "", until: str = "") -> AsyncIterator[tuple[str, float, int]]:
        """(key, time of last change in seconds since the epoch, bytes) of every object under `prefix`, in the order of
        their keys; of those behind the key `after`, and not behind the key `until`, where they are given.
        """
        try:
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, StartAfter=after
            )
            async for page in pages:
                for item in page.get("Contents", ()):
                    if until and item["Key"] > until:
                        return
                    yield item["Key"], item["LastModified"].timestamp(), item["Size"]
        except FAILURES as error:
            raise transient(error) from error

    async def erase(self, prefix: str) -> int:
        """Remove every object under `prefix` with all its versions, and uploads that were never finished.

        Returns how many there were; needs the rights to list and to delete.
        """
        keys = [key async for key, _, _ in self.keys(prefix)]
        await self.delete(keys)  # first: in a bucket with versions this leaves markers, which go with the versions
        try:
            gone = max(len(keys), await self._erase_versions(prefix))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in WITHOUT_VERSIONS:
                raise transient(error) from error
            gone = len(keys)
        except FAILURES as error:
            raise transient(error) from error
        return gone + await self._abort_uploads(prefix)

    async def _erase_versions(self, prefix: str) -> int:
        """Remove what a bucket with versions keeps; returns how many versions had content."""
        gone = 0
        async for page in self.client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix):
            versions, markers = page.get("Versions", ()), page.get("DeleteMarkers", ())
            for one in (*versions, *markers):
                version = one.get("VersionId", "null")  # what was there before the bucket kept versions
                await self.client.delete_object(Bucket=self.bucket, Key=one["Key"], VersionId=version)
            gone += len(versions)
        return gone

    async def _abort_uploads(self, prefix: str) -> int:
        try:
            answer = await self.client.list_multipart_uploads(Bucket=self.bucket, Prefix=prefix)
            uploads = answer.get("Uploads", ())
            for upload in uploads:
                await self.client.abort_multipart_upload(
                    Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in WITHOUT_VERSIONS:
                raise transient(error) from error
            return 0
        except FAILURES as error:
            raise transient(error) from error
        return len(uploads)

    async def check(self) -> None:
        """Raise Transient unless the store answers and this key may read; needs no right to list."""
        try:
            await self.client.head_object(Bucket=self.bucket, Key=f"{ORIGINALS}nothing")
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") != 404:
                raise transient(error) from error
        except FAILURES as error:
            raise transient(error) from error


@asynccontextmanager
async def object_store(settings: ObjectSettings, connections: int = 32) -> AsyncIterator[ObjectStore]:
    """The bucket of `settings`, with up to `connections` requests at once."""
    config = AioConfig(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 2},
        max_pool_connections=connections,
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        parameter_validation=False,  # what is sent is ours, and looking at it again costs as much as sending it
    )
    async with get_session().create_client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
        config=config,
    ) as client:
        # Its wait for "100 Continue" has no end: a store that hangs would hold the sender for as long as it hangs.
        client.meta.events.unregister("before-call.s3", add_expect_header)
        counting(client)
        downloads = Downloads(
            client.meta.endpoint_url,
            settings.s3_region,
            settings.bucket,
            settings.s3_access_key,
            settings.s3_secret_key.get_secret_value(),
            connections,
        )
        try:
            yield ObjectStore(client, settings.bucket, downloads)
        finally:
            await downloads.close()
