"""Settings of search."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from pydantic import Field, SecretStr

from libs.service.settings import (
    AntivirusSettings,
    DoorSettings,
    IndexSettings,
    NatsSettings,
    ObjectSettings,
    PostgresSettings,
    ServiceSettings,
)

Network = IPv4Network | IPv6Network


class Settings(
    ServiceSettings, DoorSettings, NatsSettings, PostgresSettings, ObjectSettings, IndexSettings, AntivirusSettings
):
    """Settings of search, from the environment."""

    keys_file: Path = Field(description="File with the hashes of the owner's keys; read again whenever it changes.")
    session_secret: SecretStr = Field(min_length=32, description="Secret that browser sessions are signed with.")
    public_url: str = Field(
        default="http://127.0.0.1:8080", pattern="^https?://[^/]+", description="Address of the gateway for browsers."
    )
    trusted_proxies: tuple[Network, ...] = Field(
        default=(), description="Networks of the gateway: only from there `X-Forwarded-For` is believed."
    )
    operations: dict[str, str] = Field(
        default_factory=dict,
        description="Each service's operations address, which the status page asks, by its name; all its instances.",
    )
