"""Grafana's dashboards, as code: `make docs` writes them to deploy/grafana/dashboards/."""

import warnings

from scripts.dashboards.panels import as_json

with warnings.catch_warnings():  # the SDK asks for its newer model; Grafana goes on provisioning this one
    warnings.simplefilter("ignore", DeprecationWarning)
    from scripts.dashboards import logs, overview, servers, services

FOLDER = "deploy/grafana/dashboards"


def dashboard_files() -> dict[str, str]:
    """Every dashboard as JSON, by the path of its file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made = [overview.overview(), *services.all_of_them(), *servers.all_of_them(), logs.logs()]
        return {f"{FOLDER}/{one.build().uid}.json": as_json(one) for one in made}
