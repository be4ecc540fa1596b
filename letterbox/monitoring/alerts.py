"""The alerts: one table, deploy/prometheus/alerts.toml, from which the rules and their promtool tests are made."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from letterbox.local.home import REPOSITORY
from letterbox.monitoring.durations import expression, faster

TABLE = REPOSITORY / "deploy" / "prometheus" / "alerts.toml"
RUNBOOKS = "docs/runbooks"
_LABEL = re.compile(r"\{\{\s*\$labels\.(\w+)\s*\}\}")

BURNS: tuple[tuple[str, str, str, tuple[tuple[float, str, str], ...]], ...] = (
    ("BudgetBurnsFast", "page", "2m", ((14.4, "1h", "5m"), (6.0, "6h", "30m"))),
    ("BudgetBurnsSlowly", "ticket", "15m", ((3.0, "1d", "2h"), (1.0, "3d", "6h"))),
)
"""Name, severity, `for`, and pairs of windows with the multiple of the budget's even use: a month's budget gone in two
days, in five days; in ten days, in a month."""
WINDOWS = tuple(sorted({window for *_, pairs in BURNS for _, *both in pairs for window in both}))
LEAST_WAIT = 5.0
"""Seconds: when time runs faster, a busy machine must not look broken for that."""
FEWEST_ERRORS = 3
"""One broken request on a quiet night is no emergency."""


@dataclass(frozen=True, slots=True)
class Case:
    """Series of a promtool test (`name{labels}` to promtool's values), looked at after `at`; `labels` of what fires."""

    series: Mapping[str, str]
    at: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert: when it fires, what it says, and the cases that prove both."""

    name: str
    severity: str
    expr: str
    wait: str
    """How long the expression has to hold."""
    within: str
    """From the fault to the receiver, at most."""
    summary: str
    fires: Case
    quiet: Case | None
    """None for the one that always fires."""
    mutes: Sequence[str] = ()
    """Alerts that are its consequences: nobody is told of them meanwhile."""

    @property
    def runbook(self) -> str:
        """The page that says what to do."""
        return f"{RUNBOOKS}/{self.name}.md"

    def annotations(self, labels: Mapping[str, str]) -> dict[str, str]:
        """What a fired alert with these labels says."""
        return {
            "summary": _LABEL.sub(lambda match: labels.get(match[1], ""), self.summary),
            "runbook_url": self.runbook,
        }


@dataclass(frozen=True, slots=True)
class Table:
    """All alerts, the objectives, and how often is looked."""

    alerts: Sequence[Alert]
    records: Mapping[str, str]
    timing: Mapping[str, str]

    def alert(self, name: str) -> Alert:
        """One of them by its name."""
        return next(alert for alert in self.alerts if alert.name == name)


def table(file: Path = TABLE) -> Table:
    """The table of `file`. Raises KeyError or ValueError when something is missing there."""
    known = tomllib.loads(file.read_text(encoding="utf-8"))
    records: dict[str, str] = dict(known.get("record", {}))
    alerts = [_alert(name, entry) for name, entry in known["alert"].items()]
    for name, objective in known["objective"].items():
        records |= _burn_records(name, objective)
        alerts += [_burn_alert(name, objective, *burn) for burn in BURNS]
    return Table(alerts, records, known["timing"])


def rules(known: Table, times: float = 1.0) -> dict[str, Any]:
    """Prometheus' rules, with time running `times` as fast."""
    every = faster(known.timing["evaluate"], times, least=0.5)
    recorded = [{"record": name, "expr": expression(expr, times)} for name, expr in known.records.items()]
    alerts = [
        {
            "alert": alert.name,
            "expr": expression(alert.expr, times),
            "for": faster(alert.wait, times, LEAST_WAIT if times > 1 else 0),
            "labels": {"severity": alert.severity},
            "annotations": {"summary": alert.summary, "runbook_url": alert.runbook},
        }
        for alert in known.alerts
    ]
    groups = [("letterbox-records", recorded), ("letterbox-alerts", alerts)]
    return {"groups": [{"name": name, "interval": every, "rules": entries} for name, entries in groups]}


def promtool_tests(known: Table) -> dict[str, Any]:
    """For each alert a case that fires and one that stays quiet, for `promtool test rules`."""
    return {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            _promtool_test(alert, kind, case)
            for alert in known.alerts
            for kind, case in (("fires", alert.fires), ("stays quiet", alert.quiet))
            if case is not None
        ],
    }


def _promtool_test(alert: Alert, kind: str, case: Case) -> dict[str, Any]:
    labels = {"severity": alert.severity, **case.labels}
    expected = [{"exp_labels": labels, "exp_annotations": alert.annotations(case.labels)}] if kind == "fires" else []
    return {
        "name": f"{alert.name} {kind}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": alert.name, "exp_alerts": expected}],
    }


def _alert(name: str, entry: Mapping[str, Any]) -> Alert:
    return Alert(
        name=name,
        severity=entry["severity"],
        expr=" ".join(entry["expr"].split()),
        wait=entry["time"]["for"],
        within=entry["time"]["within"],
        summary=entry["summary"],
        fires=Case(**entry["fires"]),
        quiet=Case(**entry["quiet"]) if "quiet" in entry else None,
        mutes=tuple(entry.get("mutes", ())),
    )


def _burn_records(name: str, objective: Mapping[str, Any]) -> dict[str, str]:
    errors, total = objective["errors"], objective["total"]
    return {
        f"letterbox:{name}_errors:ratio_rate{window}": (
            f"(sum(rate({errors}[{window}])) or vector(0)) / (sum(rate({total}[{window}])) > 0)"
        )
        for window in WINDOWS
    }


def _burn_alert(
    name: str,
    objective: Mapping[str, Any],
    suffix: str,
    severity: str,
    wait: str,
    pairs: Sequence[tuple[float, str, str]],
) -> Alert:
    budget = round(1 - objective["target"], 6)

    def burns(window: str, times: float) -> str:
        return f"letterbox:{name}_errors:ratio_rate{window} > {round(times * budget, 6):g}"

    either = " or ".join(f"({burns(long, times)} and {burns(short, times)})" for times, long, short in pairs)
    enough = f"sum(increase({objective['errors']}[{pairs[0][1]}])) >= {FEWEST_ERRORS}"
    errors, total = objective["series"]["errors"], objective["series"]["total"]
    few, many = "0+1x60", "0+2x60" if severity == "page" else "0+100x60"
    return Alert(
        name=f"{name.capitalize()}{suffix}",
        severity=severity,
        expr=f"({either}) and {enough}",
        wait=wait,
        within=objective["within"][severity],
        summary=f"{objective['what']}: too many fail, the error budget is used up too fast",
        fires=Case({errors: few, total: many}, at="40m"),
        quiet=Case({errors: "0x60", total: "0+100x60"}, at="40m"),
        mutes=tuple(objective.get("mutes", {}).get(severity, ())),
    )
