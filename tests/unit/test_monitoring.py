"""What Prometheus is told: the same jobs here and in compose; and what is missing is said."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml as reference

from letterbox.__main__ import main
from letterbox.local.failure import CannotStart
from letterbox.local.monitoring import Monitoring
from letterbox.monitoring import alerts, scrape, yaml

PORTS = {job["local"]: 20_000 + number for number, job in enumerate(scrape.jobs().values()) if "local" in job}
PORTS |= {"blackbox": 19_999}
ONLY_COMPOSE = {"nats", "meilisearch"}


def named(configuration: dict[str, Any]) -> dict[str, Any]:
    return {entry["job_name"]: entry for entry in configuration["scrape_configs"]}


def test_the_local_stack_is_asked_like_compose() -> None:
    known = alerts.table()
    here = named(scrape.for_local(known, PORTS, "rules.yml", 1, "127.0.0.1:443"))
    there = named(scrape.for_compose(known))
    assert set(there) - set(here) == ONLY_COMPOSE
    assert set(here) <= set(there)
    for name, job in here.items():
        assert job.get("params") == there[name].get("params")
        assert job.get("metrics_path") == there[name].get("metrics_path")


def test_every_service_is_found_however_many_instances_it_has() -> None:
    jobs = named(scrape.for_compose(alerts.table()))
    for service in ("ingest", "storage", "indexer", "notifier", "search"):
        assert jobs[service]["dns_sd_configs"][0]["names"] == [service]


def test_yaml_is_read_as_it_was_meant() -> None:
    value = {
        "a": ["plain", "with: colon", 'say "hi"', "it's", "on", "10s", "", "line\nbreak", "#no comment"],
        "b": {"c": [], "d": {}, "e": None, "f": True, "g": 1.5, "1": [["x"], {"y": ["z"]}]},
    }
    assert reference.safe_load(yaml.document(value, "A heading.")) == value


def test_without_debians_programs_it_says_which_packages_bring_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert Monitoring.asked_for({}) is None
    with pytest.raises(CannotStart, match=r"apt-get install .*prometheus-alertmanager.*prometheus-node-exporter"):
        Monitoring.asked_for({"LETTERBOX_MONITORING": "1"})


@pytest.mark.parametrize(
    ("site", "certificate"),
    [("https://letters.example", True), ("https://localhost", False), ("http://a.example", False)],
)
def test_the_sites_pages_are_watched_and_its_certificate_when_others_issued_it(
    site: str, certificate: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LETTERBOX_PUBLIC_URL", site)
    monkeypatch.setattr("sys.argv", ["letterbox", "monitoring", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    targets = {entry["labels"]["of"]: entry for entry in json.loads((tmp_path / "site.json").read_text())}
    assert set(targets) == {"form-page", "search-page"} | ({"certificate"} if certificate else set())
    port = 80 if site.startswith("http:") else 443
    assert targets["form-page"]["targets"] == [f"{site.split(':')[0]}://caddy:{port}/contact"]
    assert targets["form-page"]["labels"]["verify"] == ("yes" if certificate else "no")
    assert (tmp_path / "alertmanager.yml").exists()
