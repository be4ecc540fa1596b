"""`deploy/kubernetes`: valid for the API servers it is meant for, and the same system as docker-compose.yml."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from letterbox.local.home import REPOSITORY
from letterbox.setup import Secrets
from libs.events.streams import DURABLES
from tests.support.compose_file import configuration

FOLDER = REPOSITORY / "deploy/kubernetes"
BASE, EXAMPLE = FOLDER / "base", FOLDER / "overlays/example"
VERSIONS = ("1.33", "1.37")
SERVICES = ("ingest", "storage", "indexer", "notifier", "search")
ONCE = ("migrate", "provision")
POD_SECONDS = 5
"""How much longer a door has than in compose: it goes on until nobody is sent to it any more, and then drains."""
OTHERWISE = {
    "LETTERBOX_PEERS": "ingest-instances",  # a headless service, where compose's own name has all addresses
    "LETTERBOX_NATS_REPLICAS": "3",
    "LETTERBOX_TRUSTED_PROXIES": '["10.0.0.0/8"]',
}
"""Settings that are not those of docker-compose.yml."""
SERVERS = {
    "to-nats": "LETTERBOX_NATS_URL",
    "to-postgres": "LETTERBOX_POSTGRES_PASSWORD_FILE",
    "to-object-store": "LETTERBOX_S3_SECRET_KEY_FILE",
    "to-meilisearch": "LETTERBOX_MEILISEARCH_KEY_FILE",
}
"""What somebody has who must reach a server, by the policy that lets it through."""

Manifest = dict[str, Any]


def listed(folder: Path) -> Iterator[Manifest]:
    """What the files of a kustomization hold, folders apart."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for name in [*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))]:
        if (folder / name).is_file():
            yield from yaml.safe_load_all((folder / name).read_text())


MANIFESTS = [*listed(BASE), *listed(EXAMPLE)]


def of_kind(kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in MANIFESTS if one["kind"] == kind}


def pods() -> dict[str, Manifest]:
    return {
        name: one["spec"]["template"]["spec"] for kind in ("Deployment", "Job") for name, one in of_kind(kind).items()
    }


def container(name: str) -> Manifest:
    return pods()[name]["containers"][0]


def environment(name: str) -> dict[str, str]:
    """What a container finds: the settings of all, then its own."""
    own = {one["name"]: one["value"] for one in container(name)["env"]}
    return {**next(listed(BASE))["data"], **own}


@pytest.fixture(scope="module")
def compose() -> dict[str, Manifest]:
    services: dict[str, Manifest] = configuration(
        "docker-compose.yml",
        LETTERBOX_PUBLIC_URL="https://letters.example.org",
        LETTERBOX_MAIL_FROM="letterbox@letters.example.org",
        LETTERBOX_MAIL_OWNER="owner@letters.example.org",
    )["services"]
    return services


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    assert kubernetes_validate.latest_version().startswith(VERSIONS[-1])
    assert len(MANIFESTS) > 25
    for manifest in MANIFESTS:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_manifest_with_a_field_that_is_none_is_not_valid() -> None:
    wrong = {**of_kind("Service")["ingest"], "spec": {"ports": [{"port": 8000, "targetport": "http"}]}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_every_file_is_listed_and_the_overlay_builds_on_the_base() -> None:
    for folder in (BASE, EXAMPLE):
        kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
        used = {*kustomization["resources"], *(patch["path"] for patch in kustomization.get("patches", []))}
        assert {file.name for file in folder.glob("*.yaml")} == {one for one in used if one.endswith(".yaml")} | {
            "kustomization.yaml"
        }
    example = yaml.safe_load((EXAMPLE / "kustomization.yaml").read_text())
    assert "../../base" in example["resources"]
    images = {container(name)["image"].partition(":")[0] for name in pods()}
    assert {one["name"] for one in example["images"]} == images


def test_what_kustomize_makes_of_the_example_is_valid_and_complete() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("kubectl is not installed (Debian: kubernetes-client)")
    done = subprocess.run([kubectl, "kustomize", str(EXAMPLE)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    for manifest in built:
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)
    assert len(built) == len(MANIFESTS) - 1  # the patch of the settings is no manifest of its own
    settings = next(one for one in built if one["kind"] == "ConfigMap")["data"]
    assert settings["LETTERBOX_SMTP_HOST"] == "smtp.example.org"
    assert settings["LETTERBOX_NATS_URL"] == "nats://nats:4222"
    deployments = [one for one in built if one["kind"] == "Deployment"]
    assert {one["metadata"]["namespace"] for one in deployments} == {"letterbox"}
    used = {one["spec"]["template"]["spec"]["containers"][0]["image"].split("/")[0] for one in deployments}
    assert used == {"registry.example.org"}


@pytest.mark.parametrize("name", [*SERVICES, *ONCE])
def test_a_container_is_the_one_of_compose(name: str, compose: dict[str, Manifest]) -> None:
    theirs, ours, pod = compose[name], container(name), pods()[name]
    assert ours["image"] == theirs["image"]
    assert ours.get("args") == theirs.get("command")
    assert f"{pod['securityContext']['runAsUser']}:{pod['securityContext']['runAsGroup']}" == theirs["user"]
    wanted = {key: OTHERWISE.get(key, value) for key, value in theirs["environment"].items()}
    found = environment(name)
    assert {key: found.get(key) for key in wanted} == wanted
    assert {one["name"] for one in ours["env"]} <= set(wanted), "a setting that compose does not have"
    limits = theirs["deploy"]["resources"]["limits"]
    assert amount(ours["resources"]["limits"]["memory"]) == int(limits["memory"])
    assert amount(ours["resources"]["limits"]["cpu"]) == float(limits["cpus"])


@pytest.mark.parametrize("name", [*SERVICES, *ONCE])
def test_a_container_has_the_secrets_of_compose_and_setup_writes_each(
    name: str, compose: dict[str, Manifest], tmp_path: Path
) -> None:
    Secrets(tmp_path).make()
    volume = next(one["secret"] for one in pods()[name]["volumes"] if one["name"] == "secrets")
    keys = {one["key"] for one in volume["items"]}
    assert all(one["key"] == one["path"] for one in volume["items"])
    assert keys == {secret["source"] for secret in compose[name]["secrets"]}
    assert {file.name for file in tmp_path.iterdir()} >= keys


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_the_ports_and_the_time_of_compose(name: str, compose: dict[str, Manifest]) -> None:
    ports = {one["name"]: one["containerPort"] for one in container(name)["ports"]}
    settings = environment(name)
    assert str(ports["operations"]) == settings["LETTERBOX_OPS_PORT"]
    assert (str(ports["http"]) if "http" in ports else None) == settings.get("LETTERBOX_HTTP_PORT")
    more = POD_SECONDS if "http" in ports else 0
    assert pods()[name]["terminationGracePeriodSeconds"] == seconds(compose[name]["stop_grace_period"]) + more
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container(name)[probe]["httpGet"]["port"] == "operations"
    assert of_kind("PodDisruptionBudget")[name]["spec"]["selector"] == of_kind("Deployment")[name]["spec"]["selector"]


@pytest.mark.parametrize("name", [*SERVICES, *ONCE])
def test_a_pod_keeps_to_the_restricted_standard(name: str) -> None:
    pod, ours = pods()[name], container(name)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert ours["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert all(mount.get("readOnly") for mount in ours["volumeMounts"] if mount["name"] != "tmp")


@pytest.mark.parametrize("policy", SERVERS)
def test_who_uses_a_server_can_reach_it_and_nobody_else(policy: str) -> None:
    selector = of_kind("NetworkPolicy")[policy]["spec"]["podSelector"]["matchExpressions"][0]["values"]
    users = {name for name in pods() if SERVERS[policy] in {one["name"] for one in container(name)["env"]}}
    if policy == "to-nats":
        users = {name for name in pods() if "LETTERBOX_NATS_USER" in environment(name)}
    assert set(selector) == users


def test_the_ingress_leads_where_the_gateway_does() -> None:
    caddy = (REPOSITORY / "deploy/caddy/Caddyfile").read_text()
    owner = re.search(r"@owner path (.*)", caddy)
    assert owner is not None
    paths = of_kind("Ingress")["letterbox"]["spec"]["rules"][0]["http"]["paths"]
    leads = {one["path"]: one["backend"]["service"]["name"] for one in paths}
    assert leads == {"/contact": "ingest"} | {path.removesuffix("/*"): "search" for path in owner[1].split()}
    assert {*leads.values()} <= set(of_kind("Service"))


def test_what_is_scaled_exists_and_so_does_what_it_is_scaled_by() -> None:
    durables = {durable.name for durable in DURABLES}
    for name, scaler in of_kind("HorizontalPodAutoscaler").items():
        assert scaler["spec"]["scaleTargetRef"]["name"] == name
        assert name in of_kind("Deployment")
        for metric in scaler["spec"]["metrics"]:
            if metric["type"] == "External":
                assert metric["external"]["metric"]["selector"]["matchLabels"]["durable"] in durables
    assert "consumer_pending" in (REPOSITORY / "docs/metrics.md").read_text()


def amount(text: str) -> float:
    units = {"Mi": 1 << 20, "Gi": 1 << 30, "m": 0.001}
    unit = next((one for one in units if text.endswith(one)), "")
    return float(text.removesuffix(unit)) * units.get(unit, 1)


def seconds(text: str) -> float:
    minutes, _, rest = text.rpartition("m")
    return float(minutes or 0) * 60 + float(rest.removesuffix("s") or 0)
