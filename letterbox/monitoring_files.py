"""`letterbox monitoring FOLDER`: the files of the monitoring that depend on settings, for docker compose."""

import argparse
import json
from pathlib import Path

from pydantic import Field

from letterbox.local.failure import CannotStart
from letterbox.monitoring import alerts, receivers, scrape, yaml
from libs.service.settings import EnvironmentSettings, load


class SiteSettings(EnvironmentSettings):
    """Where the site is."""

    public_url: str = Field(
        description="The site, `https://…`, without a slash: its pages and certificate are watched."
    )
    monitoring_gateway: str = Field(
        default="caddy", description="Host that is connected to for that instead of the site's name; empty: the name."
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.description = (
        "Writes alertmanager.yml (who is told of alerts: LETTERBOX_ALERT_…, docs/settings.md) and site.json (the pages "
        "and the certificate that Prometheus has probed) into FOLDER."
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")


def run(arguments: argparse.Namespace) -> int:
    """Write both, each whole or not at all. Raises CannotStart."""
    folder: Path = arguments.folder
    if not folder.is_dir():
        raise CannotStart(f"{folder} is no folder.")
    settings = load(SiteSettings)
    configuration = receivers.configuration(alerts.table(), load(receivers.Settings))
    _write(
        folder / "alertmanager.yml", yaml.document(configuration, "Written by `letterbox monitoring` from settings.")
    )
    site = scrape.site(settings.public_url, settings.monitoring_gateway)
    _write(folder / "site.json", json.dumps(site, indent=2) + "\n")
    print(f"{folder}: alertmanager.yml, site.json")
    return 0


def _write(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
