"""Prometheus' configuration, for compose and for the local stack, from deploy/prometheus/scrape.toml."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from letterbox.local.home import REPOSITORY
from letterbox.monitoring.alerts import Table
from letterbox.monitoring.durations import faster

OWN_AUTHORITY = ("localhost", "127.0.0.1")
"""Hosts whose certificate the gateway makes itself."""
JOBS = REPOSITORY / "deploy" / "prometheus" / "scrape.toml"


def jobs(file: Path = JOBS) -> dict[str, Any]:
    """Every job of `file` by its name: where it is in compose (`compose`), and which port of the local stack it has."""
    return tomllib.loads(file.read_text(encoding="utf-8"))


def for_compose(known: Table) -> dict[str, Any]:
    """The file that compose mounts; the site's own address comes in `site/*.json`, which a one-shot writes."""
    scraped = [_compose_job(name, job) for name, job in jobs().items() if "compose" in job or "site" in job]
    return _whole(known, scraped, ["alertmanager:9093"], "rules.yml", 1.0)


def for_local(known: Table, ports: Mapping[str, int], rules: str, times: float, tls: str) -> dict[str, Any]:
    """The local stack's: only jobs whose port it has; `tls` is a further address whose certificate is watched."""
    scraped = []
    for name, job in jobs().items():
        place = tls if job.get("site") == "tls" else _local(job, ports)
        if place:
            scraped.append(
                _job(name, job, f"127.0.0.1:{ports['blackbox']}", {"static_configs": [{"targets": [place]}]})
            )
    return _whole(known, scraped, [f"127.0.0.1:{ports['alertmanager']}"], rules, times)


def site(address: str, gateway: str) -> list[dict[str, Any]]:
    """Targets at the site's public address, for `file_sd_configs`: what `letterbox monitoring` writes.

    `gateway` is the host that is connected to instead of the site's name, which may mean another machine there.
    """
    url = urlsplit(address)
    own_authority = url.scheme != "https" or url.hostname in OWN_AUTHORITY
    port = url.port or (443 if url.scheme == "https" else 80)
    host = gateway or url.hostname
    labels = {"site": address, "hostname": str(url.hostname), "verify": "no" if own_authority else "yes"}
    pages = [
        {"targets": [f"{url.scheme}://{host}:{port}{job['path']}"], "labels": {"of": name, **labels}}
        for name, job in jobs().items()
        if job.get("site") == "page"
    ]
    certificate = {"targets": [f"{host}:{port}"], "labels": {"of": "certificate", **labels}}
    return pages if own_authority else [*pages, certificate]


def _local(job: Mapping[str, Any], ports: Mapping[str, int]) -> str:
    if job.get("local") not in ports:
        return ""
    address = f"127.0.0.1:{ports[job['local']]}"
    return f"http://{address}{job['path']}" if job.get("module", "").startswith(("page", "http")) else address


def _compose_job(name: str, job: Mapping[str, Any]) -> dict[str, Any]:
    if "site" in job:
        found: dict[str, Any] = {"file_sd_configs": [{"files": ["/etc/prometheus/site/*.json"]}]}
        entry = _job(name, job, "blackbox-exporter:9115", found)
        any_certificate = f"{job['module']}_any_certificate"
        entry["relabel_configs"] = [
            {"source_labels": ["of"], "regex": name, "action": "keep"},
            {
                "source_labels": ["verify"],
                "regex": "no",
                "target_label": "__param_module",
                "replacement": any_certificate,
            },
            {"source_labels": ["hostname"], "target_label": "__param_hostname"},
            *entry["relabel_configs"],
            {"source_labels": ["site"], "target_label": "instance"},
            {"regex": "of|verify|hostname|site", "action": "labeldrop"},
        ]
        return entry
    host, _, port = job["compose"].rpartition(":")
    if job.get("instances"):
        found = {"dns_sd_configs": [{"names": [host], "type": "A", "port": int(port), "refresh_interval": "10s"}]}
    else:
        found = {"static_configs": [{"targets": [job["compose"]]}]}
    entry = _job(name, job, "blackbox-exporter:9115", found)
    if "key_file" in job:
        entry["authorization"] = {"credentials_file": job["key_file"]}
    return entry


def _job(name: str, job: Mapping[str, Any], blackbox: str, found: Mapping[str, Any]) -> dict[str, Any]:
    """One entry of `scrape_configs`; a job with a `module` is asked by the blackbox exporter."""
    if "module" not in job:
        return {"job_name": name, **({"metrics_path": job["path"]} if "path" in job else {}), **found}
    return {
        "job_name": name,
        "metrics_path": "/probe",
        "params": {"module": [job["module"]]},
        **found,
        "relabel_configs": [
            {"source_labels": ["__address__"], "target_label": "__param_target"},
            {"source_labels": ["__param_target"], "target_label": "instance"},
            {"target_label": "__address__", "replacement": blackbox},
        ],
    }


def _whole(
    known: Table, scraped: Sequence[Mapping[str, Any]], alertmanagers: Sequence[str], rules: str, times: float
) -> dict[str, Any]:
    every = faster(known.timing["scrape"], times, least=2.0)
    return {
        "global": {
            "scrape_interval": every,
            "scrape_timeout": every,
            "evaluation_interval": faster(known.timing["evaluate"], times, least=0.5),
        },
        "rule_files": [rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": list(alertmanagers)}]}]},
        "scrape_configs": list(scraped),
    }
