"""Writes the pages that are generated from code; with `--check` it only says which are stale (exit 1)."""

import importlib
import json
import sys
from pathlib import Path

from prometheus_client import REGISTRY

from letterbox import nats_configuration, silo, synthetic
from letterbox.backups.settings import BackupSettings
from letterbox.local.names import SERVICES
from letterbox.monitoring import alerts, receivers, scrape, yaml
from letterbox.monitoring_files import SiteSettings
from letterbox.prepare import RoleSettings
from letterbox.provision import ProvisionSettings
from libs.events import documentation
from libs.service import log_fields
from libs.service.settings import PREFIX, EnvironmentSettings, ServiceSettings
from scripts.dashboards import dashboard_files
from scripts.rights_page import rights_page
from scripts.service_requirements import requirement_files

REPOSITORY = Path(__file__).parent.parent


def settings_page() -> str:
    """Every setting of every service."""
    lines = [
        "# Settings",
        "",
        "Generated from each service's `settings.py` by `make docs`; do not edit.",
        "",
        "Each is an environment variable. Any of them can come from a file instead: `LETTERBOX_X_FILE=/run/secrets/x`.",
        'Lists are JSON (`["https://example.org"]`). What is wrong or missing is told all at once at start.',
        "Traces: `OTEL_EXPORTER_OTLP_ENDPOINT` switches them on, and 5 % are sampled ([traces](tracing.md)).",
    ]
    for service in SERVICES:
        settings: type[ServiceSettings] = importlib.import_module(f"services.{service}.settings").Settings
        lines += ["", f"## {service}", "", *_settings_table(settings)]
    lines += ["", "## letterbox provision", "", *_settings_table(ProvisionSettings)]
    lines += ["", "## letterbox prepare postgres", "", *_settings_table(RoleSettings)]
    lines += ["", "## letterbox synthetic", "", *_settings_table(synthetic.Settings)]
    lines += [
        "",
        "## letterbox monitoring",
        "",
        *_settings_table(SiteSettings),
        *_settings_table(receivers.Settings)[2:],
    ]
    lines += ["", "## letterbox backup, restore, drill", "", *_settings_table(BackupSettings)]
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


def monitoring_files() -> dict[str, str]:
    """What Prometheus reads in compose, and the alerts' promtool tests."""
    known, heading = alerts.table(), "Generated from alerts.toml and scrape.toml by `make docs`; do not edit."
    return {
        "deploy/prometheus/rules.yml": yaml.document(alerts.rules(known), heading),
        "deploy/prometheus/rules.test.yml": yaml.document(alerts.promtool_tests(known), heading),
        "deploy/prometheus/prometheus.yml": yaml.document(scrape.for_compose(known), heading),
    }


LOGS = """# Logs

Generated from code by `make docs`; do not edit.

Each service writes one JSON object a line to standard output (`make logs`, `.letterbox/logs/`, `docker compose
logs`), all with the same schema: the fields below and no others. Lines about a request or an event have its
`trace_id`, which the gateway's lines have, too (as `traceID`), so one word finds everything about a submission.

What is logged: ingest writes a line for each submission, notifier for its mails, indexer for each file; work that is
done in batches has a line for each batch, without ids unless it is a single message; traces that are sampled
([traces](tracing.md)) have a line for each event that is published. Warnings and errors are always there.
`LETTERBOX_LOG_LEVEL` raises or lowers that, but not the audit log.

No line holds personal data: ids only. The exception is `words` in the audit log, which the owner typed.

## The audit log

Lines with `"stream": "audit"` tell who did what: searches, views, downloads, releases, rejections, erasures, dead
letters tried again or dropped, logins, and changes of the owner's keys. They are written at once, one for each
action, with `action`, `key_id` (who), the ids of what it was done to, and the `trace_id`. search writes them; storage
writes `erasure begun` and `erased`, whoever asked for it (`reason`: `owner`, `operator`, `retention`), without
`key_id`. What the operator does with `letterbox` on the host itself needs no key and is in no audit log, but for
these two.

## Fields
"""


def logs_page() -> str:
    """Every field that a line of the log may have."""
    lines = [LOGS]
    for title, fields in (
        ("Of every line", log_fields.ALWAYS),
        ("Of lines about a request or an event", log_fields.TRACED),
        ("Of lines of the audit log", log_fields.AUDITED),
        ("Of some lines", log_fields.SOMETIMES),
    ):
        lines += [f"### {title}", "", "| field | type | meaning |", "|---|---|---|"]
        lines += [f"| `{name}` | {field.kind} | {field.meaning} |" for name, field in fields.items()] + [""]
    return "\n".join(lines)


def main() -> int:
    """Write or check all pages."""
    pages = {
        "docs/events.md": documentation.markdown(),
        "docs/asyncapi.json": documentation.asyncapi(),
        "docs/settings.md": settings_page(),
        "docs/metrics.md": metrics_page(),
        "docs/rights.md": rights_page(),
        "deploy/cluster/nats.conf": nats_configuration.cluster_node(),
        "docs/logs.md": logs_page(),
        "deploy/nats/nats.conf": nats_configuration.production(),
        **monitoring_files(),
        **silo.policies(),
        **dashboard_files(),
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
