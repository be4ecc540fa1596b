"""What each container may do, against a table: user, capabilities, mounts and open ports, as the kernel says them."""

import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from h2.connection import H2Connection

from tests.compose.project import LONG_RUNNING, OF_PROFILES, Project, service_of

pytestmark = pytest.mark.timeout(900)

LISTENING = "0A"
UNAUTHENTICATED = "16"
DOCKERS_OWN = ("/etc/resolv.conf", "/etc/hostname", "/etc/hosts", "/dev/init", "/sbin/docker-init")
NAMESERVER = "127.0.0.11"


@dataclass(frozen=True)
class Rights:
    """What one container has."""

    user: int
    ports: frozenset[int]
    """Where it listens for others than itself."""
    writes: frozenset[str] = frozenset()
    """Volumes and folders of the host that it may write into."""
    reads: frozenset[str] = frozenset()
    """Files of the host that it may read, beside its secrets."""
    secrets: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset({"data"})
    may_gain: frozenset[str] = frozenset()


def only(*names: str) -> frozenset[str]:
    return frozenset(names)


IN_THE_OBJECT_STORES_NETWORK = frozenset({8333, 18333, 9327, 23646, 33646})
"""The last two are its console's: the page, which asks for a password, and where workers of SeaweedFS report."""
TABLE = {
    "caddy": Rights(
        10003, frozenset({80, 443, 9180}), only("/data"), only("/etc/caddy"), only(),
        only("edge", "app", "monitoring"), only("CAP_NET_BIND_SERVICE"),
    ),
    "ingest": Rights(
        10001, frozenset({8000, 9000}), secrets=only("nats-ingest", "s3-ingest", "id"), networks=only("app", "data")
    ),
    "storage": Rights(10001, frozenset({9000}), secrets=only("nats-storage", "s3-storage", "postgres-storage")),
    "indexer": Rights(
        10001, frozenset({9000}), only("/index"), secrets=only("nats-indexer", "s3-indexer", "meilisearch-indexer")
    ),
    "notifier": Rights(
        10001, frozenset({9000}), networks=only("data", "edge"),
        secrets=only("nats-notifier", "postgres-notifier", "smtp-password", "aws-credentials"),
    ),
    "search": Rights(
        10001, frozenset({8000, 9000}), only("/index"), only("/run/keys"), networks=only("app", "data"),
        secrets=only("nats-search", "s3-search", "postgres-search", "meilisearch-search", "session"),
    ),
    "nats": Rights(
        10002, frozenset({4222, 8222}), only("/data"), only("/etc/nats/nats.conf"), secrets=only("nats-passwords.conf")
    ),
    "postgres": Rights(999, frozenset({5432}), only("/var/lib/postgresql"), secrets=only("postgres-postgres")),
    # 18333 is the S3 gateway's own channel for changed identities; a test below shows that it asks for a token.
    "object-store": Rights(
        10004, IN_THE_OBJECT_STORES_NETWORK, only("/data"), only("/etc/seaweedfs/security.toml"),
        only("object-store.json"), only("data", "monitoring"),
    ),
    "mail": Rights(10001, frozenset({2525, 8025}), networks=only("edge")),
    "synthetic": Rights(10001, frozenset({9000}), secrets=only("owner-key-synthetic"), networks=only("monitoring")),
    "prometheus": Rights(
        10006, frozenset({9090}), only("/prometheus"),
        only("/etc/prometheus/prometheus.yml", "/etc/prometheus/rules.yml", "/etc/prometheus/site"),
        only("meilisearch-metrics"), only("monitoring", "app", "data"),
    ),
    "alertmanager": Rights(
        10007, frozenset({9093}), only("/alertmanager"), only("/etc/alertmanager"),
        only("smtp-password", "alert-slack-url", "alert-pagerduty-key"), only("monitoring", "edge"),
    ),
    "grafana": Rights(
        472, frozenset({3000}), only("/var/lib/grafana"),
        only("/etc/grafana/provisioning", "/var/lib/grafana-dashboards"), only("grafana-admin"), only("monitoring"),
    ),
    "loki": Rights(10008, frozenset({3100}), only("/loki"), only("/etc/loki"), networks=only("monitoring")),
    "alloy": Rights(
        10009, frozenset({12345}), only("/var/lib/alloy/data"), only("/etc/alloy"),
        networks=only("monitoring", "engine"),
    ),
    "docker-proxy": Rights(
        10010, frozenset({2375}), only("/var/run/docker.sock"), only("/etc/docker-proxy"), networks=only("engine"),
        may_gain=only("CAP_NET_BIND_SERVICE"),
    ),
    "tempo": Rights(
        10011, frozenset({3200}), only("/var/tempo"), only("/etc/tempo"), networks=only("monitoring", "data")
    ),
    "node-exporter": Rights(  # may not write there: both are root's
        10012, frozenset({9100}), only("/host/system", "/host/data"), only("/host/textfile"),
        networks=only("monitoring"),
    ),
    "postgres-exporter": Rights(
        10013, frozenset({9187}), secrets=only("postgres-monitoring"), networks=only("monitoring", "data")
    ),
    "nats-exporter": Rights(10014, frozenset({7777}), networks=only("monitoring", "data")),
    "blackbox-exporter": Rights(
        10015, frozenset({9115}), reads=only("/etc/blackbox"), networks=only("monitoring", "data")
    ),
    "pgadmin": Rights(
        5050, frozenset({5050}), only("/var/lib/pgadmin"), only("/pgadmin4/servers.json"), only("pgadmin"),
        only("monitoring", "data"), only("CAP_NET_BIND_SERVICE"),
    ),
    "object-store-console": Rights(
        10016, IN_THE_OBJECT_STORES_NETWORK, reads=only("/etc/seaweedfs/security.toml"), networks=only()
    ),
    "clamd": Rights(10017, frozenset({3310}), reads=only("/etc/letterbox", "/var/lib/clamav")),
    "freshclam": Rights(
        10017, frozenset(), only("/var/lib/clamav"), only("/etc/letterbox"), networks=only("edge")
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def containers(stack: Project) -> dict[str, dict[str, Any]]:
    return {service_of(one): one for one in stack.containers() if one["State"]["Running"]}


def test_the_table_names_every_container(containers: dict[str, dict[str, Any]]) -> None:
    assert (
        set(TABLE) == set(containers) == {*LONG_RUNNING, *(one for profile in OF_PROFILES.values() for one in profile)}
    )


@pytest.mark.parametrize("name", TABLE)
def test_a_container_has_the_rights_of_the_table_and_no_other(name: str, containers: dict[str, dict[str, Any]]) -> None:
    container, status = containers[name], _status(containers[name])
    assert _actual(container) == TABLE[name]
    assert {status[f"Cap{kind}"] for kind in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert container["HostConfig"]["ReadonlyRootfs"]
    assert not container["HostConfig"]["Privileged"]
    assert not any(
        namespace == "host" for namespace in (container["HostConfig"][f"{kind}Mode"] for kind in ("Pid", "Ipc", "UTS"))
    )


def test_what_runs_in_a_service_cannot_install_or_compile(stack: Project) -> None:
    for name in ("ingest", "indexer"):
        look = "for tool in pip pip3 gcc cc make curl; do command -v $tool; done; true"
        ask = "python -m pip 2>&1; python -m ensurepip 2>&1; true"
        said = stack.compose("exec", "-T", name, "sh", "-c", f"{look}; {ask}")
        lines = said.strip().splitlines()
        assert len(lines) == 2, said
        assert all("No module named" in line for line in lines), said


def test_a_service_cannot_write_where_it_has_no_volume(stack: Project) -> None:
    said = stack.compose("exec", "-T", "ingest", "sh", "-c", "touch /app/x /etc/x /x /run/x 2>&1; true")
    assert said.count("Read-only file system") == 4, said


def test_only_who_must_reach_the_outside_can(stack: Project, containers: dict[str, dict[str, Any]]) -> None:
    """The catch-all's address on `edge` stands for the outside."""
    networks = containers["mail"]["NetworkSettings"]["Networks"].values()
    outside = next(network["IPAddress"] for network in networks)
    connect = f"import socket; socket.create_connection(('{outside}', 2525), 3); print('reached')"
    reached = {
        name
        for name in ("ingest", "storage", "indexer", "notifier", "search")
        if "reached" in stack.compose("exec", "-T", name, "/app/bin/python", "-I", "-c", connect, check=False)
    }
    assert reached == {"notifier"}


def test_nobody_makes_itself_an_administrator_of_the_object_store(containers: dict[str, dict[str, Any]]) -> None:
    networks = containers["object-store"]["NetworkSettings"]["Networks"].values()
    address = next(network["IPAddress"] for network in networks)
    identity = _field(1, b"stranger") + _field(2, _field(1, b"key") + _field(2, b"secret")) + _field(3, b"Admin")
    status = _grpc_status((address, 18333), "/messaging_pb.SeaweedS3IamCache/PutIdentity", _field(1, identity))
    assert status == UNAUTHENTICATED


def _grpc_status(address: tuple[str, int], path: str, message: bytes) -> str:
    """The status that a call without credentials is answered with."""
    with socket.create_connection(address, 5) as connection:
        h2 = H2Connection()
        h2.initiate_connection()
        names = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "store", "te": "trailers"}
        h2.send_headers(1, [*names.items(), ("content-type", "application/grpc")])
        h2.send_data(1, struct.pack(">BI", 0, len(message)) + message, end_stream=True)
        connection.sendall(h2.data_to_send())
        while received := connection.recv(65_536):
            for event in h2.receive_data(received):
                headers = {_text(name): _text(value) for name, value in getattr(event, "headers", None) or ()}
                if "grpc-status" in headers:
                    return headers["grpc-status"]
    return ""


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _field(number: int, content: bytes) -> bytes:
    """A field of a protocol buffer: text, bytes or a message."""
    return bytes([number << 3 | 2, len(content)]) + content


def _actual(container: dict[str, Any]) -> Rights:
    mounts = [mount for mount in container["Mounts"] if mount["Destination"] not in DOCKERS_OWN]
    secrets = {Path(mount["Destination"]).name for mount in mounts if mount["Destination"].startswith("/run/secrets/")}
    others = [mount for mount in mounts if not mount["Destination"].startswith("/run/secrets/")]
    assert all(not mount["RW"] for mount in mounts if mount["Destination"].startswith("/run/secrets/"))
    status = _status(container)
    return Rights(
        user=int(status["Uid"].split()[0]),
        ports=frozenset(_listening(container)),
        writes=frozenset(mount["Destination"] for mount in others if mount["RW"]),
        reads=frozenset(mount["Destination"] for mount in others if not mount["RW"]),
        secrets=frozenset(secrets),
        networks=frozenset(name.partition("_")[2] for name in container["NetworkSettings"]["Networks"]),
        may_gain=frozenset(_capabilities(int(status["CapBnd"], 16))),
    )


def _status(container: dict[str, Any]) -> dict[str, str]:
    lines = Path(f"/proc/{container['State']['Pid']}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _listening(container: dict[str, Any]) -> Iterator[int]:
    """Ports on which somebody else could reach it."""
    for family in ("tcp", "tcp6"):
        for line in Path(f"/proc/{container['State']['Pid']}/net/{family}").read_text().splitlines()[1:]:
            address, _, state = line.split()[1:4]
            host, _, port = address.partition(":")
            loopback = host.endswith("7F") or host == "00000000000000000000000001000000"
            if state == LISTENING and not loopback:
                yield int(port, 16)


def _capabilities(bits: int) -> Iterator[str]:
    if bits & 1 << 10:
        yield "CAP_NET_BIND_SERVICE"
    if bits & ~(1 << 10):
        yield f"{bits:x}"
