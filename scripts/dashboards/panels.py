"""The few kinds of panels that the dashboards are made of, all with the same looks."""

from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, loki, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import logs as logs_panel
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    DataSourceRef,
    LegendDisplayMode,
    LegendPlacement,
    LogsSortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

PROMETHEUS = DataSourceRef("prometheus", "prometheus")
LOKI = DataSourceRef("loki", "loki")
"""Kind and uid, as deploy/grafana/provisioning/datasources names them."""
TAG = "letterbox"
Panel = Any
"""A builder of a panel; the SDK's own protocol is generic over what it builds."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus, and what its answers are called."""

    expr: str
    legend: str = ""
    exemplars: bool = False
    """With the trace ids of single requests, as points that lead to Tempo."""


def lines(
    title: str, *queries: Query, unit: str = "short", stacked: bool = False, about: str = "", wide: int = 8
) -> Panel:
    """Curves over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(about)
        .datasource(PROMETHEUS)
        .unit(unit)
        .min(0)
        .fill_opacity(25 if stacked else 8)
        .line_width(1)
        .show_points(VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .span(wide)
        .height(7)
    )
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for position, query in enumerate(queries):
        panel = panel.with_target(_target(query, position))
    return panel


def number(
    title: str,
    expr: str,
    *,
    unit: str = "short",
    bad_from: float | None = None,
    bad_below: float | None = None,
    about: str = "",
    wide: int = 4,
) -> Panel:
    """One number now, green or red."""
    panel = (
        stat.Panel()
        .title(title)
        .description(about)
        .datasource(PROMETHEUS)
        .unit(unit)
        .graph_mode(BigValueGraphMode.AREA)
        .color_mode(BigValueColorMode.VALUE)
        .no_value("–")
        .span(wide)
        .height(4)
        .with_target(_target(Query(expr), 0))
    )
    good_first = bad_below is None
    steps = [Threshold(None, "green" if good_first else "red")]
    limit = bad_from if good_first else bad_below
    if limit is not None:
        steps.append(Threshold(limit, "red" if good_first else "green"))
    return panel.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))


def rows_of(title: str, query: Query, unit: str = "short", wide: int = 12) -> Panel:
    """A table of what there is now."""
    target = _target(query, 0).instant().format(PromQueryFormat.TABLE)
    return table.Panel().title(title).datasource(PROMETHEUS).unit(unit).span(wide).height(7).with_target(target)


def log_lines(title: str, expr: str, height: int = 10) -> Panel:
    """Lines from Loki."""
    return (
        logs_panel.Panel()
        .title(title)
        .datasource(LOKI)
        .show_time(True)
        .wrap_log_message(True)
        .enable_log_details(True)
        .sort_order(LogsSortOrder.DESCENDING)
        .span(24)
        .height(height)
        .with_target(loki.Dataquery().expr(expr).ref_id("A").datasource(LOKI))
    )


def quantiles(histogram: str, matchers: str = "", by: str = "") -> tuple[Query, ...]:
    """Median, 95 and 99 of 100, of a histogram; one curve each, or 95 of 100 for each value of the label `by`."""
    labels = ", ".join(filter(None, ("le", by)))
    rate = f"sum by ({labels}) (rate({histogram}_bucket{{{matchers}}}[$__rate_interval]))"
    if by:
        return (Query(f"histogram_quantile(0.95, {rate})", f"{{{{{by}}}}}", exemplars=True),)
    known = ((0.5, "median"), (0.95, "95 of 100"), (0.99, "99 of 100"))
    return tuple(Query(f"histogram_quantile({q}, {rate})", name, exemplars=q == 0.99) for q, name in known)


def rate(counter: str, matchers: str = "", by: str = "") -> Query:
    """How often a second, for each value of the labels `by`."""
    inner = f"rate({counter}{{{matchers}}}[$__rate_interval])" if matchers else f"rate({counter}[$__rate_interval])"
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(",")) if by else "a second"
    return Query(f"sum by ({by}) ({inner})" if by else f"sum({inner})", legend)


def board(name: str, title: str, about: str) -> dashboard.Dashboard:
    """An empty dashboard, with links to all the others that keep the time that is looked at."""
    others = (
        dashboard.DashboardLink("Letterbox")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
        .include_vars(True)
    )
    return (
        dashboard.Dashboard(f"Letterbox: {title}")
        .uid(f"letterbox-{name}")
        .description(about)
        .tags([TAG])
        .readonly()
        .refresh("30s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(1)  # type: ignore[arg-type]
        .link(others)
    )


def row(title: str) -> dashboard.Row:
    """A heading between panels."""
    return dashboard.Row(title)


def as_json(one: dashboard.Dashboard) -> str:
    """A dashboard as the text of its file."""
    return str(JSONEncoder(sort_keys=True, indent=1).encode(one.build())) + "\n"


def _target(query: Query, position: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + position)).datasource(PROMETHEUS)
    if query.legend:
        target = target.legend_format(query.legend)
    return target.exemplar(True) if query.exemplars else target
