"""Settings of ingest."""

from ipaddress import IPv4Network, IPv6Network

from pydantic import Field, SecretStr

from libs.service.settings import DoorSettings, NatsSettings, ObjectSettings, ServiceSettings
from services.ingest.rates import Rate

DEFAULT_TYPES = (
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
    "application/msword",
    "application/vnd.ms-excel",
    "application/vnd.ms-excel.sheet.binary.macroenabled.12",
    "application/vnd.ms-powerpoint",
    "application/vnd.ms-outlook",
    "application/x-ole-storage",
    "application/encrypted",
    "application/zip",
    "application/rtf",
    "application/epub+zip",
    "application/zip",
    "application/json",
    "application/x-empty",
    "text/plain",
    "text/csv",
    "text/markdown",
    "text/html",
    "message/rfc822",
    "image/png",
    "image/jpeg",
    "image/tiff",
    "image/webp",
    "image/gif",
    "image/heic",
    "image/avif",
    "image/bmp",
)


class Settings(ServiceSettings, DoorSettings, NatsSettings, ObjectSettings):
    """Settings of ingest, from the environment."""

    id_secret: SecretStr = Field(description="Secret that submission ids are derived with from idempotency keys.")
    public_url: str = Field(default="", description="Where visitors reach the gateway, `https://…`, without a slash.")
    forms: tuple[str, ...] = Field(
        default=("contact",), description="Names that `?form=` may have; the first is the default."
    )
    origins: tuple[str, ...] = Field(default=(), description="Other sites whose scripts may post here, exact origins.")
    return_to: tuple[str, ...] = Field(
        default=(), description="Beginnings of URLs that a form may send visitors back to."
    )
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(), description="Networks of the gateway: only from there `X-Forwarded-For` is believed."
    )
    rate_per_address: Rate = Field(
        default="30/minute", validate_default=True, description="Submissions from one address."
    )
    rate_per_form: Rate = Field(default="300/minute", validate_default=True, description="Submissions to one form.")
    peers: str = Field(
        default="",
        description="Name whose addresses are all instances of ingest; the rates are divided by their number.",
    )
    max_files: int = Field(default=5, ge=0, le=50, description="Files in one submission.")
    max_file_bytes: int = Field(default=25 << 20, ge=1, description="Bytes of one file.")
    max_fields: int = Field(default=64, ge=0, le=500, description="Further fields that are kept as metadata.")
    accepted_types: tuple[str, ...] = Field(default=DEFAULT_TYPES, description="Content types of files, as sniffed.")
    upload_slots: int = Field(
        default=8, ge=1, le=256, description="Files received at once; each may hold 16 MiB in memory."
    )
    slowest_bytes_per_second: int = Field(
        default=1024, ge=0, description="A body that comes slower on average is cut off."
    )
    slow_grace_seconds: float = Field(default=20, ge=0, description="How long a body may be slower than that.")
    idle_seconds: float = Field(default=15, gt=0, description="Longest pause within a body.")
    open_journeys: int = Field(default=500, ge=1, description="Event streams open at once.")
    journey_seconds: float = Field(
        default=600, gt=0, description="Longest life of one event stream; browsers reconnect."
    )
