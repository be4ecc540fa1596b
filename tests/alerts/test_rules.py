"""The table of alerts: complete, proven by promtool, and each with a page that says what to do.

promtool's command is that of docs/howto/monitoring.md; that `make docs` was run is what `make lint` looks at.
"""

import subprocess
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY
from letterbox.monitoring import alerts, yaml
from letterbox.monitoring.alerts import Alert
from letterbox.monitoring.durations import expression, faster, written
from tests.alerts.faults import FAULTS
from tests.alerts.runbook import commands

KNOWN = alerts.table()
PROMETHEUS = REPOSITORY / "deploy" / "prometheus"
SEVERITIES = {"page", "ticket", "none"}


def promtool(*arguments: str, folder: Path = PROMETHEUS) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_every_rule_fires_when_it_has_to_and_stays_quiet_when_not() -> None:
    promtool("test", "rules", "rules.test.yml")


def test_a_rule_that_is_wrong_fails_its_test(tmp_path: Path) -> None:
    rules = (PROMETHEUS / "rules.yml").read_text()
    broken = rules.replace('job="postgres-answers"}) == 0', 'job="postgres-answers"}) == 2')
    assert broken != rules
    (tmp_path / "rules.yml").write_text(broken)
    (tmp_path / "rules.test.yml").write_text(
        yaml.document(alerts.promtool_tests(alerts.Table([KNOWN.alert("PostgresDown")], {}, KNOWN.timing)), "one")
    )
    with pytest.raises(AssertionError, match="PostgresDown"):
        promtool("test", "rules", "rules.test.yml", folder=tmp_path)


def test_prometheus_reads_its_configuration() -> None:
    promtool("check", "config", "--syntax-only", "prometheus.yml")


@pytest.mark.parametrize("times", [1, 20])
def test_rules_are_valid_at_every_speed(times: int, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(yaml.document(alerts.rules(KNOWN, times), "faster"))
    assert f"{len(KNOWN.alerts) + len(KNOWN.records)} rules found" in promtool(
        "check", "rules", "rules.yml", folder=tmp_path
    )


@pytest.mark.parametrize("alert", KNOWN.alerts, ids=lambda alert: alert.name)
def test_every_alert_says_how_bad_it_is_what_is_wrong_and_what_to_do(alert: Alert) -> None:
    assert alert.severity in SEVERITIES
    assert len(alert.summary) > 20
    assert alert.fires.series
    assert (alert.quiet is None) is (alert.name == "Watchdog")
    page = (REPOSITORY / alert.runbook).read_text(encoding="utf-8")
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings == [f"# {alert.name}", "## Meaning", "## What people feel", "## Look", "## Fix", "## After"]
    assert f"`{alert.severity}`: " in page
    assert f"Told within {alert.within} of the fault" in page
    assert commands(alert.name, "Look")
    assert commands(alert.name, "Fix")
    assert {KNOWN.alert(name).name for name in alert.mutes} == set(alert.mutes)


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    pages = {file.stem for file in (REPOSITORY / alerts.RUNBOOKS).glob("*.md")} - {"README"}
    assert pages == {alert.name for alert in KNOWN.alerts}


def test_names_are_unique_and_most_pages_were_broken_for_real() -> None:
    names = [alert.name for alert in KNOWN.alerts]
    assert len(names) == len(set(names))
    assert len({fault.alert for fault in FAULTS}) >= 12
    assert {fault.alert for fault in FAULTS} <= set(names)


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("rate(a[5m]) > 2", "rate(a[10s]) > 2"),
        ("time() - b > ${26h}", "time() - b > 3120"),
        ("a{b='[5m'}", "a{b='[5m'}"),
    ],
)
def test_only_durations_become_shorter(text: str, there: str) -> None:
    assert expression(text, 30) == there


def test_durations_keep_their_length_when_written() -> None:
    assert [faster(text, 1) for text in ("90s", "60s", "26h", "1500ms", "0s")] == ["90s", "1m", "26h", "1500ms", "0s"]
    assert written(0.5) == "500ms"
