"""Alertmanager's configuration: who is told of what, from settings. A receiver that is not set up is left out."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from letterbox.monitoring.alerts import Table
from letterbox.monitoring.durations import faster
from libs.service.settings import EnvironmentSettings

PAGE, TICKET = "page", "ticket"
TEXT = (
    "{{ range .Alerts }}{{ .Status }}: {{ .Annotations.summary }}\n"
    "{{ range .Labels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}\n"
    "What to do: %s{{ .Annotations.runbook_url }}\n\n{{ end }}"
)
TITLE = "[{{ .Status }}] {{ .CommonLabels.alertname }} ({{ .CommonLabels.severity }})"


class Settings(EnvironmentSettings):
    """Who is told of alerts. Secrets are files, which Alertmanager reads itself."""

    alert_mail_to: str = Field(default="", description="Mail address for pages and tickets; empty: no mail.")
    alert_mail_from: str = Field(default="letterbox@localhost.localdomain", description="Sender of those mails.")
    alert_smarthost: str = Field(default="", description="Mail server for alerts, `host:port`.")
    alert_smtp_user: str = Field(default="", description="User at that mail server; empty: without logging in.")
    alert_smtp_password_file: str = Field(default="", description="File of its password.")
    alert_slack_url_file: str = Field(default="", description="File of a Slack webhook's URL, for pages and tickets.")
    alert_slack_channel: str = Field(default="#letterbox", description="Slack channel.")
    alert_pagerduty_key_file: str = Field(default="", description="File of a PagerDuty routing key (v2), for pages.")
    alert_webhook_url: str = Field(default="", description="URL that gets pages and tickets as JSON.")
    alert_watchdog_url: str = Field(
        default="", description="Dead man's switch: URL that is told every few minutes that alerting works."
    )
    runbooks_url: str = Field(
        default="", description="What a link to a runbook begins with, with its slash; the repository's address."
    )


def configuration(known: Table, settings: Settings, times: float = 1.0) -> dict[str, Any]:
    """Alertmanager's file. What mutes what comes from the alerts' table."""

    def time(name: str, least: float = 0.5) -> str:
        return faster(known.timing[name], times, least)

    routes = [
        _route('alertname="Watchdog"', "watchdog", "0s", time("group_interval"), time("repeat_watchdog")),
        _route('severity="page"', PAGE, time("wait_page"), time("group_interval"), time("repeat_page")),
        _route('severity="ticket"', TICKET, time("wait_ticket"), time("group_interval"), time("repeat_ticket")),
    ]
    return {
        "global": _global(settings, time("resolve_timeout", 5.0)),
        "route": {"receiver": "nobody", "group_by": ["alertname", "job", "dependency"], "routes": routes},
        "receivers": [
            {"name": "nobody"},
            _watchdog(settings),
            {"name": PAGE, **_told(settings), **_pagerduty(settings)},
            {"name": TICKET, **_told(settings)},
        ],
        "inhibit_rules": [
            {
                "source_matchers": [f'alertname="{alert.name}"'],
                "target_matchers": [f'alertname=~"{"|".join(alert.mutes)}"'],
            }
            for alert in known.alerts
            if alert.mutes
        ],
    }


def _route(matcher: str, receiver: str, wait: str, interval: str, repeat: str) -> dict[str, Any]:
    return {
        "matchers": [matcher],
        "receiver": receiver,
        "group_wait": wait,
        "group_interval": interval,
        "repeat_interval": repeat,
    }


def _global(settings: Settings, resolve_timeout: str) -> dict[str, Any]:
    mail: dict[str, Any] = {}
    if settings.alert_mail_to:
        mail = {"smtp_smarthost": settings.alert_smarthost, "smtp_from": settings.alert_mail_from}
        mail["smtp_require_tls"] = bool(settings.alert_smtp_user)
        if settings.alert_smtp_user:
            mail["smtp_auth_username"] = settings.alert_smtp_user
            mail["smtp_auth_password_file"] = settings.alert_smtp_password_file
    return {"resolve_timeout": resolve_timeout, **mail}


def _told(settings: Settings) -> dict[str, Any]:
    """Mail, Slack and a webhook: those that are set up."""
    text = TEXT % settings.runbooks_url
    told: dict[str, Any] = {}
    if settings.alert_mail_to:
        told["email_configs"] = [
            {
                "to": settings.alert_mail_to,
                "send_resolved": True,
                "headers": {"Subject": TITLE},
                "html": "",
                "text": text,
            }
        ]
    if _holds(settings.alert_slack_url_file):
        told["slack_configs"] = [
            {
                "api_url_file": settings.alert_slack_url_file,
                "channel": settings.alert_slack_channel,
                "send_resolved": True,
                "title": TITLE,
                "text": text,
            }
        ]
    if settings.alert_webhook_url:
        told["webhook_configs"] = [{"url": settings.alert_webhook_url, "send_resolved": True}]
    return told


def _pagerduty(settings: Settings) -> Mapping[str, Any]:
    if not _holds(settings.alert_pagerduty_key_file):
        return {}
    link = settings.runbooks_url + "{{ (index .Alerts 0).Annotations.runbook_url }}"
    entry = {
        "routing_key_file": settings.alert_pagerduty_key_file,
        "send_resolved": True,
        "description": TITLE,
        "links": [{"href": link, "text": "What to do"}],
    }
    return {"pagerduty_configs": [entry]}


def _watchdog(settings: Settings) -> dict[str, Any]:
    if not settings.alert_watchdog_url:
        return {"name": "watchdog"}
    return {"name": "watchdog", "webhook_configs": [{"url": settings.alert_watchdog_url, "send_resolved": False}]}


def _holds(file: str) -> bool:
    """Whether the secret is there: compose mounts an empty file for one that was not given."""
    return bool(file) and Path(file).is_file() and Path(file).stat().st_size > 0
