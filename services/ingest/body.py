"""Reading the body of a submission in its three encodings, within limits, whatever the client does."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from libs.service.http import Problem
from services.ingest.form import TEXT_LIMITS, TOKEN, error
from services.ingest.patience import Patience

TEXT_BODY_BYTES = 1 << 20
"""Of a body without files."""
FIELD_BYTES = 128 * 1024
"""Of one text field in a multipart body."""
CHUNK_BYTES = 256 * 1024
FIXED_FIELDS = len(TEXT_LIMITS) + 8

AddFile = Callable[[str, AsyncIterator[bytes]], Awaitable[None]]
TokenSeen = Callable[[str], None]


class Body:
    """The body of one request: `fields` are there after `read`."""

    def __init__(self, request: web.Request, patience: Patience, max_fields: int) -> None:
        self._request = request
        self._patience = patience
        self._most_fields = max_fields + FIXED_FIELDS
        self.fields: dict[str, str] = {}

    async def read(self, add_file: AddFile, token_seen: TokenSeen) -> None:
        """Read all of it; files go to `add_file` while they arrive, the hidden token to `token_seen` before them.

        Raises Problem for anything that is no submission.
        """
        if self._request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise Problem(415, "Compressed bodies are not accepted.")
        readers = {
            "application/json": self._read_json,
            "application/x-www-form-urlencoded": self._read_urlencoded,
        }
        kind = self._request.content_type
        try:
            if kind == "multipart/form-data":
                await self._read_multipart(add_file, token_seen)
            elif kind in readers:
                await readers[kind]()
                token_seen(self.fields.get(TOKEN, ""))
            else:
                raise Problem(415, "Send application/json, application/x-www-form-urlencoded or multipart/form-data.")
        except (ClientPayloadError, HttpProcessingError, AssertionError, ValueError, EOFError) as problem:
            # aiohttp tells of a broken or truncated multipart body in all these ways
            raise malformed() from problem

    async def _read_json(self) -> None:
        try:
            value = json.loads((await self._text_body()).decode("utf-8"))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError):
            raise Problem(400, "The body is not valid JSON in UTF-8.") from None
        if not isinstance(value, dict):
            raise Problem(400, "The body must be a JSON object.")
        for name, content in value.items():
            if isinstance(content, bool) or not isinstance(content, str | int | float | None):
                raise Problem(422, "The submission is not valid.", errors=[error(name[:64], "This must be text.")])
            if content is not None:
                self._add(name, str(content))

    async def _read_urlencoded(self) -> None:
        body = await self._text_body()
        try:
            pairs = parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=self._most_fields
            )
        except UnicodeDecodeError:
            raise Problem(400, "The form is not encoded in UTF-8.") from None
        except ValueError:
            raise _too_many_fields() from None
        for name, value in pairs:
            self._add(name, value)

    async def _text_body(self) -> bytes:
        body = bytearray()
        content = self._request.content
        if content.is_eof():  # the usual case: all of it came with the headers
            body += content.read_nowait()
        while not content.at_eof():
            body += await self._patience.next(content.readany())
            if len(body) > TEXT_BODY_BYTES:
                raise Problem(413, "The message is too large.", headers={"Connection": "close"})
        if len(body) > TEXT_BODY_BYTES:
            raise Problem(413, "The message is too large.", headers={"Connection": "close"})
        return bytes(body)

    async def _read_multipart(self, add_file: AddFile, token_seen: TokenSeen) -> None:
        reader = MultipartReader(self._request.headers, self._request.content, max_field_size=64 * 1024)
        parts, token, files = 0, False, False
        while True:
            part: Any = await self._patience_for(reader.next())
            if part is None:
                break
            parts += 1
            if parts > self._most_fields:
                raise _too_many_fields()
            if not isinstance(part, BodyPartReader):
                raise malformed()
            if part.filename is None:
                name = part.name or ""
                self._add(name, await self._field(part))
                if name == TOKEN:
                    if files:
                        raise Problem(
                            422, "The form is not valid.", errors=[error(TOKEN, "It must come before files.")]
                        )
                    token_seen(self.fields[TOKEN])
                    token = True
                continue
            if not token:
                token_seen("")
                token = True
            files = await self._file(part, add_file) or files
        if not token:
            token_seen("")

    async def _field(self, part: BodyPartReader) -> str:
        value = bytearray()
        while piece := await self._patience.next(part.read_chunk(CHUNK_BYTES)):
            value += piece
            if len(value) > FIELD_BYTES:
                raise Problem(413, "A field is too long.", headers={"Connection": "close"})
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise Problem(400, "The form is not encoded in UTF-8.") from None

    async def _file(self, part: BodyPartReader, add_file: AddFile) -> bool:
        first = await self._patience.next(part.read_chunk(CHUNK_BYTES))
        if not first and not part.filename:
            return False  # the browser's way of saying that no file was chosen

        async def chunks() -> AsyncIterator[bytes]:
            piece = first
            while piece:
                yield bytes(piece)
                piece = await self._patience.next(part.read_chunk(CHUNK_BYTES))

        await add_file(part.filename or "", chunks())
        return True

    async def _patience_for(self, reading: Awaitable[Any]) -> Any:
        found: list[Any] = []

        async def read() -> bytes:
            found.append(await reading)
            return b""

        await self._patience.next(read())
        return found[0]

    def _add(self, name: str, value: str) -> None:
        if len(self.fields) >= self._most_fields:
            raise _too_many_fields()
        self.fields.setdefault(name, value)


def malformed() -> Problem:
    """The body is broken or ended too early."""
    return Problem(400, "The form did not arrive whole or is not well-formed.", headers={"Connection": "close"})


def _too_many_fields() -> Problem:
    return Problem(413, "The form has too many fields.", headers={"Connection": "close"})
