"""Settings from the environment, and secrets from files.

Every setting `x` is read from `LETTERBOX_X`, or from the file that `LETTERBOX_X_FILE` names (for secrets: a file does
not show in the process list). All that is wrong is told at once.
"""

import os
import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "LETTERBOX_"


class FileSource(PydanticBaseSettingsSource):
    """Reads `LETTERBOX_<NAME>_FILE`: the setting is what that file holds, without the space around it."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One field's value from its file; None when no file is named or it cannot be read (`load` says which)."""
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        if not path or f"{field_name}_file" in self.settings_cls.model_fields:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError):
            return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """All values that come from files."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class EnvironmentSettings(BaseSettings):
    """Settings that come from the environment, and from the files it names."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the files it names."""
        return init_settings, env_settings, FileSource(settings_cls)


class ServiceSettings(EnvironmentSettings):
    """What every service needs to run."""

    host: str = Field(default="127.0.0.1", description="Address to listen on; in a container `0.0.0.0`.")
    ops_port: int = Field(ge=0, le=65535, description="Port of /metrics and /health; never routed by the gateway.")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level logged.")


class DoorSettings(EnvironmentSettings):
    """What a service needs that answers people."""

    http_port: int = Field(ge=0, le=65535, description="Port of the public pages, behind the gateway.")
    drain_seconds: float = Field(
        default=8, gt=0, le=600, description="How long open requests may go on after the service was told to stop."
    )


class NatsSettings(EnvironmentSettings):
    """Where the events are."""

    nats_url: str = Field(description="NATS servers, `nats://host:port`, several by comma.")
    nats_user: str = Field(description="This service's own NATS user.")
    nats_password: SecretStr = Field(description="Its password.")


class ObjectSettings(EnvironmentSettings):
    """Where the files are: any S3 store."""

    s3_endpoint_url: str | None = Field(default=None, description="S3 endpoint; empty for AWS itself.")
    s3_region: str = Field(default="us-east-1", description="S3 region.")
    s3_access_key: str = Field(description="This service's own S3 access key.")
    s3_secret_key: SecretStr = Field(description="Its secret.")
    bucket: str = Field(default="pretamane-data", min_length=3, max_length=63, description="Bucket of all objects.")


class PostgresSettings(EnvironmentSettings):
    """Where the record is."""

    postgres_dsn: str = Field(description="`postgresql://role@host:port/database`, without a password.")
    postgres_password: SecretStr = Field(description="The role's password.")


class IndexSettings(EnvironmentSettings):
    """Which search index is used, and where it is."""

    index: str = Field(default="tantivy", pattern="^(tantivy|meilisearch)$", description="`tantivy` or `meilisearch`.")
    index_path: Path = Field(default=Path("index"), description="Folder of the embedded index.")
    meilisearch_url: str = Field(default="http://meilisearch:7700", description="Meilisearch's address.")
    meilisearch_key: SecretStr | None = Field(default=None, description="Its key for this service.")


class AntivirusSettings(EnvironmentSettings):
    """Which virus scanner looks at files, if any."""

    clamd_address: str = Field(
        default="",
        pattern=r"^(|/.+|[^/\s]+:[0-9]{1,5})$",
        description=(
            "The virus scanner, clamd: `host:port` or the path of its socket; empty: files are not scanned. "
            "The same for indexer and search."
        ),
    )


S = TypeVar("S", bound=EnvironmentSettings)


def load(settings: type[S]) -> S:
    """The settings, or an exit with status 2 and one message that lists all that is wrong."""
    try:
        return settings()
    except ValidationError as error:
        lines = [
            _line(problem["loc"], problem["type"], problem["msg"]) for problem in error.errors(include_input=False)
        ]
        print("The settings are not complete:\n" + "\n".join(sorted(lines)), file=sys.stderr)
        sys.exit(2)


def _line(location: tuple[int | str, ...], kind: str, message: str) -> str:
    name = PREFIX + "_".join(str(part) for part in location).upper()
    path = os.environ.get(f"{name}_FILE")
    if kind == "missing" and path:
        return f"  {name}_FILE: cannot read {path}"
    return f"  {name}: " + (f"is required (or {name}_FILE)" if kind == "missing" else message)
