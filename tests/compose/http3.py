"""A page over HTTP/3, fetched with aioquic."""

import asyncio
import ssl

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import QuicEvent


class _Fetch(QuicConnectionProtocol):
    """One request on one connection."""

    def begin(self) -> None:
        """Have what belongs to it."""
        self.http = H3Connection(self._quic)
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = asyncio.Event()

    def quic_event_received(self, event: QuicEvent) -> None:
        """Collect what comes."""
        if not hasattr(self, "http"):
            return
        for received in self.http.handle_event(event):
            self._take(received)

    def _take(self, event: H3Event) -> None:
        if isinstance(event, HeadersReceived):
            self.headers |= {name.decode(): value.decode() for name, value in event.headers}
        if isinstance(event, DataReceived):
            self.body += event.data
        if isinstance(event, HeadersReceived | DataReceived) and event.stream_ended:
            self.ended.set()


async def get_over_http3(host: str, port: int, path: str, authority: bytes) -> tuple[str, dict[str, str], bytes]:
    """Status, headers and body of `path`; the server has to show a certificate of `authority`."""
    configuration = QuicConfiguration(alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_REQUIRED, server_name=host)
    configuration.load_verify_locations(cadata=authority)
    async with connect("127.0.0.1", port, configuration=configuration, create_protocol=_Fetch) as client:
        assert isinstance(client, _Fetch)
        client.begin()
        stream = client._quic.get_next_available_stream_id()
        asked = {":method": "GET", ":scheme": "https", ":authority": f"{host}:{port}", ":path": path}
        client.http.send_headers(stream, [(name.encode(), value.encode()) for name, value in asked.items()], True)
        client.transmit()
        await asyncio.wait_for(client.ended.wait(), 30)
        return client.headers.pop(":status"), client.headers, client.body
