"""An object's bytes, by a GET that botocore signs and aiohttp sends.

The client's own `get_object` costs about 1 ms of Python for each object (endpoint rules, hooks, a parsed answer of
which only the body is used), four times what this costs; a replay reads one object for each document.
"""

import re
import time
from collections.abc import AsyncGenerator
from urllib.parse import quote

from aiohttp import ClientError as HttpError
from aiohttp import ClientResponse, ClientSession, ClientTimeout, TCPConnector
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from yarl import URL

from libs.events.errors import Transient
from libs.objects.metrics import RECEIVED, count, outcome_of

CHUNK_BYTES = 256 * 1024
CONNECT_SECONDS, READ_SECONDS = 2.0, 20.0
ATTEMPTS = 2
"""A connection that went away meanwhile, or a server that is just starting, is tried once more."""
ERROR_BYTES = 16_384
NO_SUCH_KEY = "NoSuchKey"
OPERATION = "GetObject"

_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,64})</Code>")


class MissingObject(Exception):
    """No object has this key."""

    def __init__(self, key: str) -> None:
        super().__init__(f"no object has the key {key}")
        self.key = key


class Downloads:
    """GET requests to one bucket at `endpoint` (path style), up to `connections` at once."""

    def __init__(
        self, endpoint: str, region: str, bucket: str, access_key: str, secret_key: str, connections: int
    ) -> None:
        self._bucket = f"{endpoint.rstrip('/')}/{quote(bucket)}"
        self._signer = S3SigV4Auth(Credentials(access_key, secret_key), "s3", region)
        self._session = ClientSession(
            connector=TCPConnector(limit=connections),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def stream(self, key: str) -> AsyncGenerator[bytes, None]:
        """The object's bytes in chunks; raises MissingObject before the first one, Transient when the store is away."""
        try:
            answer = await self._answer(key)
            try:
                async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                    RECEIVED.inc(len(chunk))
                    yield chunk
            finally:
                answer.release()
        except (HttpError, OSError) as error:  # TimeoutError is one, too
            raise Transient("object-store", type(error).__name__) from error

    async def _answer(self, key: str) -> ClientResponse:
        """The answer that has the object; its body is not read yet."""
        url = f"{self._bucket}/{quote(key, safe='/~')}"
        for attempt in range(1, ATTEMPTS + 1):
            began = time.perf_counter()
            try:
                answer = await self._session.get(URL(url, encoded=True), headers=self._signed(url))
                count(OPERATION, outcome_of(answer.status), time.perf_counter() - began)
            except (HttpError, OSError):
                count(OPERATION, "failed", time.perf_counter() - began)
                if attempt == ATTEMPTS:
                    raise
                continue
            if answer.status == 200:
                return answer
            async with answer:
                found = _CODE.search(await answer.content.read(ERROR_BYTES))
            code = found.group(1).decode() if found else str(answer.status)
            if answer.status == 404 and code in (NO_SUCH_KEY, "404"):
                raise MissingObject(key)
            if answer.status < 500 or attempt == ATTEMPTS:
                raise Transient("object-store", code)
        raise AssertionError("the last attempt returns or raises")

    def _signed(self, url: str) -> dict[str, str]:
        request = AWSRequest("GET", url)
        self._signer.add_auth(request)
        return dict(request.headers.items())
