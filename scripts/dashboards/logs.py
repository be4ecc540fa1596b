"""Logs of everything, with the trace of each line one click away; the audit log apart."""

from grafana_foundation_sdk.builders import dashboard, loki, timeseries

from scripts.dashboards.panels import LOKI, Panel, board, log_lines, row


def logs() -> dashboard.Dashboard:
    """The dashboard `letterbox-logs`."""
    return (
        board("logs", "logs", "What the services say; open a line for its fields and its trace.")
        .with_variable(
            dashboard.TextBoxVariable("trace_id")
            .label("Trace id")
            .default_value("")
            .description("All lines of one trace")
        )
        .with_row(row("How much"))
        .with_panel(
            _counted("Lines, by service", 'sum by (service) (count_over_time({service=~".+"}[$__auto]))', "service")
        )
        .with_panel(
            _counted(
                "Errors, by service",
                'sum by (service) (count_over_time({level=~"error|critical"}[$__auto]))',
                "service",
            )
        )
        .with_row(row("One trace"))
        .with_panel(log_lines("Lines of the trace", '{service=~".+"} | trace_id="$trace_id"'))
        .with_row(row("Warnings and errors"))
        .with_panel(log_lines("Warnings and errors", '{level=~"warning|error|critical"}'))
        .with_row(row("Audit"))
        .with_panel(log_lines("Who looked, took, decided, erased", '{stream="audit"}'))
    )


def _counted(title: str, expr: str, legend: str) -> Panel:
    target = loki.Dataquery().expr(expr).legend_format(f"{{{{{legend}}}}}").ref_id("A").datasource(LOKI)
    return timeseries.Panel().title(title).datasource(LOKI).unit("short").span(12).height(6).with_target(target)
