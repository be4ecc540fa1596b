"""Where backups go and what they are encrypted with: by the environment, or in the local stack's folder."""

import os
from pathlib import Path

from pydantic import Field, SecretStr

from letterbox.backups.identity import new_identity
from letterbox.backups.place import Place
from letterbox.backups.sealed import Key
from letterbox.local.failure import CannotStart
from letterbox.local.home import Home
from letterbox.local.state import read_state
from libs.service.settings import EnvironmentSettings, load


class BackupSettings(EnvironmentSettings):
    """Settings of `letterbox backup`, `restore` and `drill`."""

    backup_to: Path | None = Field(default=None, description="Folder of the backups; default `.letterbox/backups`.")
    backup_copy_to: str = Field(
        default="",
        description="Where each backup is copied to: an address that rclone knows (`remote:bucket/path`).",
    )
    backup_key: SecretStr | None = Field(
        default=None, description="The age identity of the backups; default `.letterbox/secrets/backup`, made once."
    )
    backup_configuration: Path | None = Field(
        default=None, description="A folder of files without secrets that belong to the configuration, e.g. `.env`."
    )
    id_secret: SecretStr | None = Field(default=None, description="ingest's secret; without it links would change.")
    keys_file: Path | None = Field(default=None, description="The hashes of the owner's keys.")
    prometheus_url: str = Field(default="", description="Prometheus with its admin API, whose data are backed up, too.")
    textfile_path: Path | None = Field(
        default=None, description="Folder of node exporter's textfile collector; default `.letterbox/metrics`."
    )


def settings() -> BackupSettings:
    """The settings, with the local stack's own places for what the environment does not say."""
    found, home = load(BackupSettings), Home.from_environment()
    running = read_state(home)
    prometheus = running.parts.get("prometheus") if running is not None else None
    more = {
        "backup_to": found.backup_to or home.path / "backups",
        "textfile_path": found.textfile_path or home.path / "metrics",
        "prometheus_url": found.prometheus_url or (prometheus.address if prometheus is not None else ""),
        "keys_file": found.keys_file or home.path / "keys.json",
    }
    return found.model_copy(update=more)


def place(chosen: Path | None = None) -> Place:
    """The folder of the backups."""
    folder = chosen or settings().backup_to
    assert folder is not None
    return Place(folder)


def key(file: Path | None = None, *, make: bool = False) -> Key:
    """The key: in `file`, by the environment, or the local stack's own. Raises CannotStart when there is none.

    With `make` the local stack's own is made where it is missing.
    """
    return Key(key_text(file, make=make))


def key_text(file: Path | None = None, *, make: bool = False) -> str:
    """The same, as text."""
    secret, home = load(BackupSettings).backup_key, Home.from_environment()
    if file is None and secret is not None:
        return secret.get_secret_value()
    path = file or home.path / "secrets" / "backup"
    if make and file is None and not path.exists() and "LETTERBOX_NATS_URL" not in os.environ:
        home.write("secrets/backup", f"{new_identity()}\n")
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise CannotStart(f"The backups' key cannot be read from {path}. --key names another file.") from None


def id_secret() -> str:
    """ingest's secret: by the environment, or the local stack's own; empty when neither has it."""
    secret = load(BackupSettings).id_secret
    if secret is not None:
        return secret.get_secret_value()
    file = Home.from_environment().path / "secrets" / "id"
    return file.read_text(encoding="utf-8") if file.exists() else ""
