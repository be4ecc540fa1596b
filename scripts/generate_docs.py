"""Writes the pages that are generated from code; with `--check` it only says which are stale (exit 1)."""

import importlib
import json
import sys
from pathlib import Path

from prometheus_client import REGISTRY

from letterbox import nats_configuration
from letterbox.prepare import RoleSettings
from letterbox.provision import ProvisionSettings
from libs.events import documentation
from libs.service.settings import PREFIX, EnvironmentSettings, ServiceSettings
from scripts.service_requirements import requirement_files

REPOSITORY = Path(__file__).parent.parent
SERVICES = ("ingest", "storage", "indexer", "notifier", "search")


def settings_page() -> str:
    """Every setting of every service."""
    lines = [
        "# Settings",
        "",
        "Generated from each service's `settings.py` by `make docs`; do not edit.",
        "",
        "Each is an environment variable. Any of them can come from a file instead: `LETTERBOX_X_FILE=/run/secrets/x`.",
        'Lists are JSON (`["https://example.org"]`). What is wrong or missing is told all at once at start.',
        "Traces: `OTEL_EXPORTER_OTLP_ENDPOINT` switches them on (see OpenTelemetry's own variables).",
    ]
    for service in SERVICES:
        settings: type[ServiceSettings] = importlib.import_module(f"services.{service}.settings").Settings
        lines += ["", f"## {service}", "", *_settings_table(settings)]
    lines += ["", "## letterbox provision", "", *_settings_table(ProvisionSettings)]
    lines += ["", "## letterbox prepare postgres", "", *_settings_table(RoleSettings)]
    return "\n".join(lines) + "\n"


def _settings_table(settings: type[EnvironmentSettings]) -> list[str]:
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, field in sorted(settings.model_fields.items()):
        default = "required" if field.is_required() else f"`{_default(field.get_default(call_default_factory=False))}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description or ''} |")
    return lines


def _default(value: object) -> str:
    if isinstance(value, tuple):
        value = json.dumps(value)
    text = "" if value is None else str(value)
    return text if text not in ("", "PydanticUndefined") else " "


def metrics_page() -> str:
    """Every metric that the code defines."""
    for service in SERVICES:
        importlib.import_module(f"services.{service}.__main__")
    lines = [
        "# Metrics",
        "",
        "Generated from code by `make docs`; do not edit. A service serves them at `/metrics` of its operations port,",
        "as OpenMetrics with exemplars (a trace id) when asked for. The process and Python metrics of",
        "prometheus-client are there, too.",
        "",
        "| metric | kind | labels | meaning |",
        "|---|---|---|---|",
    ]
    own = {}
    for collector in list(REGISTRY._collector_to_names):
        name, kind = getattr(collector, "_name", None), getattr(collector, "_type", None)
        if name and kind:
            suffix = "_total" if kind == "counter" else ""
            labels = ", ".join(getattr(collector, "_labelnames", ())) or " "
            own[name] = f"| `{name}{suffix}` | {kind} | {labels} | {getattr(collector, '_documentation', '')} |"
    return "\n".join([*lines, *(own[name] for name in sorted(own))]) + "\n"


def main() -> int:
    """Write or check all pages."""
    pages = {
        "docs/events.md": documentation.markdown(),
        "docs/asyncapi.json": documentation.asyncapi(),
        "docs/settings.md": settings_page(),
        "docs/metrics.md": metrics_page(),
        "deploy/nats/nats.conf": nats_configuration.production(),
        **{f"deploy/requirements/{name}": text for name, text in requirement_files().items()},
    }
    stale = [name for name, text in pages.items() if not _same(REPOSITORY / name, text)]
    if "--check" in sys.argv[1:]:
        for name in stale:
            print(f"{name} is stale: run `make docs`")
        return 1 if stale else 0
    for name, text in pages.items():
        (REPOSITORY / name).write_text(text, encoding="utf-8")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
