"""The overview: is it well, where does it hang, what do visitors and the owner feel."""

import tomllib

from grafana_foundation_sdk.builders import dashboard

from letterbox.local.home import REPOSITORY
from scripts.dashboards.flow import flow
from scripts.dashboards.panels import Panel, Query, board, lines, log_lines, number, quantiles, rate, row, rows_of

ACCEPT = 'job="ingest",route="/contact",method="POST"'


def overview() -> dashboard.Dashboard:
    """The dashboard `letterbox-overview`."""
    made = board("overview", "overview", "Whether visitors and the owner are served, and where it hangs when not.")
    made = made.with_row(row("Objectives"))
    for panel in _objectives():
        made = made.with_panel(panel)
    return (
        made.with_panel(
            number(
                "Lost or stuck",
                "max(letterbox_ledger_missing)",
                bad_from=1,
                about="What accepted submissions lack, and nobody is working on. Must be 0.",
            )
        )
        .with_panel(number("Dead letters", 'max(stream_messages{stream="DEAD_LETTERS"})', bad_from=1))
        .with_panel(number("Oldest open", "max(letterbox_ledger_oldest_seconds)", unit="s", bad_from=900))
        .with_panel(number("Targets down", "count(up == 0) or vector(0)", bad_from=1))
        .with_row(row("Flow"))
        .with_panel(flow())
        .with_panel(lines("Waiting, by step", Query("max by (durable) (consumer_pending)", "{{durable}}"), wide=8))
        .with_panel(
            lines(
                "Age of the oldest, by step",
                Query("max by (durable) (consumer_oldest_seconds)", "{{durable}}"),
                unit="s",
            )
        )
        .with_panel(
            lines("Paused by", Query("max by (durable, dependency) (consumer_paused)", "{{durable}}: {{dependency}}"))
        )
        .with_row(row("What visitors feel"))
        .with_panel(
            lines(
                "Submissions, by outcome", rate("contact_submissions_total", by="outcome"), unit="reqps", stacked=True
            )
        )
        .with_panel(
            lines(
                "Time to accept",
                *quantiles("http_request_duration_seconds", ACCEPT),
                unit="s",
                about="Points are single requests: click one for its trace.",
            )
        )
        .with_panel(lines("Time until searchable", *quantiles("document_searchable_seconds", by="document"), unit="s"))
        .with_row(row("What the owner feels"))
        .with_panel(lines("Time to answer a search", *quantiles("search_seconds"), unit="s"))
        .with_panel(lines("Time until mailed", *quantiles("mail_delay_seconds", by="target"), unit="s"))
        .with_panel(lines("Mails, by outcome", rate("mails_total", by="target, outcome"), unit="reqps", stacked=True))
        .with_row(row("Alerts and errors"))
        .with_panel(rows_of("Alerts", Query('ALERTS{alertstate="firing"}'), wide=24))
        .with_panel(log_lines("Errors of all services", '{service=~".+", level=~"error|critical"}'))
    )


def _objectives() -> list[Panel]:
    """What is promised, from the same table as the alerts: the share that was well over three days."""
    table = tomllib.loads((REPOSITORY / "deploy/prometheus/alerts.toml").read_text(encoding="utf-8"))["objective"]
    return [
        number(
            f"{what['what']} served, 3 days",
            f"1 - letterbox:{name}_errors:ratio_rate3d",
            unit="percentunit",
            bad_below=what["target"],
            about=f"The objective is {what['target']:.1%}.",
        )
        for name, what in table.items()
    ]
