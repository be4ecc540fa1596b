"""The gateway gets a certificate by ACME, as from Let's Encrypt: from a real authority, Caddy's, which asks back."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.compose import images
from tests.compose.project import AUTHORITY, CERTIFIED_NAME, Project

pytestmark = pytest.mark.timeout(1200)  # the first one makes the images

CONFIGURATION = f"""{{
	admin off
	skip_install_trust
}}
{AUTHORITY} {{
	tls internal
	acme_server
}}
"""
ROOT = "/data/caddy/pki/authorities/local/root.crt"
TRUSTED = "/data/authority.crt"
"""Where the test's gateway looks for authorities of others (tests/compose/overlay.yml)."""
WAIT_SECONDS = 120


@pytest.fixture
def authority(stack: Project) -> Iterator[str]:
    """The authority in a container of its own, outside the project; its root certificate, in PEM."""
    name = f"{stack.name}-authority"
    start = f"printf '%s' '{CONFIGURATION}' > /tmp/Caddyfile && exec caddy run --config /tmp/Caddyfile"
    stack.docker(
        "run", "--detach", "--name", name, "--network", f"{stack.name}_edge", "--network-alias", AUTHORITY,
        "--env", "XDG_DATA_HOME=/data", "--entrypoint", "sh", f"{images.MIRROR}caddy:2.11.9-alpine", "-c", start,
    )  # fmt: skip
    try:
        yield _when_there("docker", "exec", name, "cat", ROOT)
    finally:
        stack.docker("rm", "--force", "--volumes", name)


async def test_the_gateway_gets_its_certificate_by_acme(stack: Project, authority: str) -> None:
    trusting = ssl.create_default_context(cadata=authority)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await _shown(stack, trusting)
    write = f"printf '%s' '{authority}' > {TRUSTED}"
    stack.compose("exec", "-T", "caddy", "sh", "-c", write)
    stack.compose("restart", "caddy")  # instead of waiting until it tries again
    stack.healthy(["caddy"])
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            certificate = await _shown(stack, trusting)
            break
        except (ssl.SSLError, ConnectionError):
            assert time.monotonic() < until, stack.log("caddy")
            await asyncio.sleep(0.5)
    assert ("DNS", CERTIFIED_NAME) in certificate["subjectAltName"]  # type: ignore[operator]


async def _shown(stack: Project, trusting: ssl.SSLContext) -> dict[str, object]:
    """The certificate that a visitor of that name is shown. Raises ssl.SSLError when it is not to be trusted."""
    https = stack.ports["HTTPS"]
    _, writer = await asyncio.open_connection("127.0.0.1", https, ssl=trusting, server_hostname=CERTIFIED_NAME)
    certificate: dict[str, object] = writer.get_extra_info("peercert")
    writer.close()
    return certificate


def _when_there(*command: str) -> str:
    until = time.monotonic() + WAIT_SECONDS
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout
        assert time.monotonic() < until, done.stderr
        time.sleep(0.5)
