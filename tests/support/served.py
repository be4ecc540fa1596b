"""What stand-ins for servers share: on a free port while inside."""

from typing import Self

from aiohttp import web
from aiohttp.test_utils import TestServer


class Served:
    """An application that is served while inside, at `url`."""

    def __init__(self, app: web.Application) -> None:
        self._server = TestServer(app)

    async def __aenter__(self) -> Self:
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    @property
    def url(self) -> str:
        """Where it is, without a slash at the end."""
        return str(self._server.make_url("/")).rstrip("/")
