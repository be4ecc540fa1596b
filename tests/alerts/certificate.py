"""A TLS server whose certificate can be exchanged while it runs."""

import ssl
from asyncio import StreamReader, StreamWriter, start_server
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def certified(folder: Path, days: float) -> ssl.SSLContext:
    """A server's context, with a certificate that ends in `days`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    exchange(context, folder, days)
    return context


def exchange(context: ssl.SSLContext, folder: Path, days: float) -> None:
    """From the next connection on the certificate is one that ends in `days`."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file = folder / "certificate.pem"
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context.load_cert_chain(file)


@asynccontextmanager
async def serving_tls(context: ssl.SSLContext) -> AsyncIterator[int]:
    """A server that shakes hands and says nothing; gives its port."""

    async def connected(_reader: StreamReader, writer: StreamWriter) -> None:
        writer.close()

    server = await start_server(connected, "127.0.0.1", 0, ssl=context)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
