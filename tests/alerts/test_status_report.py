"""`scripts/new-status-report.sh`: an alert becomes the beginning of a page."""

import json
import subprocess
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY

SCRIPT = REPOSITORY / "scripts" / "new-status-report.sh"
ALERT = {
    "labels": {"alertname": "DiskFull", "severity": "page", "mountpoint": "/data"},
    "annotations": {"summary": "The disk of /data is full", "runbook_url": "docs/runbooks/DiskFull.md"},
    "startsAt": "2026-11-20T03:04:05.678Z",
    "endsAt": "2026-11-20T03:20:00.000Z",
}


def script(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(SCRIPT), *arguments], input=given, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("given", "ended"),
    [([ALERT], "it lasts"), ({"alerts": [{**ALERT, "status": "resolved"}]}, "2026-11-20T03:20:00Z")],
    ids=["amtool", "webhook"],
)
def test_the_template_is_filled_from_the_alert(tmp_path: Path, given: object, ended: str) -> None:
    file = tmp_path / "alerts.json"
    file.write_text(json.dumps(given))
    done = script("DiskFull", "--json", str(file), "--folder", str(tmp_path), "--author", "Ada")
    assert done.returncode == 0, done.stderr
    report = tmp_path / "2026-11-20-DiskFull.md"
    assert done.stdout.strip() == str(report)
    text = report.read_text()
    assert "{{" not in text
    for line in (
        "# 2026-11-20 DiskFull: The disk of /data is full",
        "| alert | DiskFull (page) |",
        "| labels | mountpoint=/data |",
        "| began | 2026-11-20T03:04:05Z |",
        f"| ended | {ended} |",
        "| runbook | [DiskFull](../runbooks/DiskFull.md) |",
        "| written by | Ada |",
    ):
        assert line in text
    again = script("DiskFull", "--json", "-", "--folder", str(tmp_path), given=json.dumps(given))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "which alert?"),
        (["NoSuchAlert"], "there is no alert NoSuchAlert"),
        (["../x"], "is no name of an alert"),
        (["DiskFull", "--json"], "--json needs a value"),
        (["DiskFull", "--folder", "/nowhere"], "is no folder"),
        (["DiskFull", "--url", "http://127.0.0.1:9"], "Alertmanager does not answer"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], says: str) -> None:
    done = script(*arguments)
    assert done.returncode == (2 if "--help says more" in done.stderr else 1)
    assert says in done.stderr


@pytest.mark.parametrize(("given", "says"), [("[]", "no alert DiskFull among 0"), ("x", "is no JSON")])
def test_an_alert_that_is_not_there_makes_no_report(tmp_path: Path, given: str, says: str) -> None:
    done = script("DiskFull", "--json", "-", "--folder", str(tmp_path), given=given)
    assert done.returncode == 1
    assert says in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_is_help() -> None:
    done = script("--help")
    assert done.returncode == 0
    assert "Usage: scripts/new-status-report.sh" in done.stdout
