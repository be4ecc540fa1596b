"""The five services as child processes, each with its own credentials and no other's."""

import json
import os
from sys import executable

from letterbox.local import antivirus
from letterbox.local.home import REPOSITORY, Home
from letterbox.local.names import SERVICES
from letterbox.local.objects import REGION, access_key
from letterbox.local.part import Part
from letterbox.preparation import DATABASE

PUBLIC = ("ingest", "search")
WITH_NATS = SERVICES
WITH_OBJECTS = ("ingest", "storage", "indexer", "search")
WITH_POSTGRES = ("storage", "notifier", "search")
WITH_ANTIVIRUS = ("indexer", "search")
PORTS = (*PUBLIC, *(f"{name}-operations" for name in SERVICES))

PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "TMPDIR")


def service_part(name: str, home: Home, ports: dict[str, int], gateway: str, bucket: str) -> Part:
    """One service; what the caller's environment sets of its settings wins."""
    operations = f"http://127.0.0.1:{ports[f'{name}-operations']}"
    address = f"http://127.0.0.1:{ports[name]}" if name in PUBLIC else operations
    environment = {
        "LETTERBOX_HOST": "127.0.0.1",
        "LETTERBOX_OPS_PORT": str(ports[f"{name}-operations"]),
        "LETTERBOX_PUBLIC_URL": gateway,
    }
    if name in WITH_NATS:
        environment |= {
            "LETTERBOX_NATS_URL": f"nats://127.0.0.1:{ports['nats']}",
            "LETTERBOX_NATS_USER": name,
            "LETTERBOX_NATS_PASSWORD_FILE": str(home.secret(f"nats-{name}")),
        }
    if name in PUBLIC:
        environment |= {"LETTERBOX_HTTP_PORT": str(ports[name]), "LETTERBOX_TRUSTED_PROXIES": '["127.0.0.1/32"]'}
    if name in WITH_OBJECTS:
        environment |= {
            "LETTERBOX_S3_ENDPOINT_URL": f"http://127.0.0.1:{ports['object-store']}",
            "LETTERBOX_S3_REGION": REGION,
            "LETTERBOX_S3_ACCESS_KEY": access_key(name),
            "LETTERBOX_S3_SECRET_KEY_FILE": str(home.secret(f"s3-{name}")),
            "LETTERBOX_BUCKET": bucket,
        }
    if name in WITH_POSTGRES:
        environment |= {
            "LETTERBOX_POSTGRES_DSN": f"postgresql://{name}@127.0.0.1:{ports['postgres']}/{DATABASE}",
            "LETTERBOX_POSTGRES_PASSWORD_FILE": str(home.secret(f"postgres-{name}")),
        }
    if name in WITH_ANTIVIRUS and antivirus.NAME in ports:
        environment["LETTERBOX_CLAMD_ADDRESS"] = f"127.0.0.1:{ports[antivirus.NAME]}"
    environment |= _own(name, home, ports)
    return Part(
        name=name,
        command=[executable, "-m", f"services.{name}"],
        address=address,
        health=f"{operations}/health/ready",
        environment={**_inherited(), **environment, **_chosen(name)},
    )


def _own(name: str, home: Home, ports: dict[str, int]) -> dict[str, str]:
    """What only this service needs."""
    if name == "ingest":
        return {"LETTERBOX_ID_SECRET_FILE": str(home.secret("id"))}
    if name == "indexer":
        return {"LETTERBOX_INDEX_PATH": str(home.folder("index"))}
    if name == "notifier":
        return {
            "LETTERBOX_MAIL_CHANNEL": "smtp",
            "LETTERBOX_SMTP_HOST": "127.0.0.1",
            "LETTERBOX_SMTP_PORT": str(ports["mail"]),
            "LETTERBOX_MAIL_FROM": "letterbox@localhost.localdomain",
            "LETTERBOX_MAIL_OWNER": "owner@localhost.localdomain",
        }
    if name == "search":
        return {
            "LETTERBOX_INDEX_PATH": str(home.folder("index")),
            "LETTERBOX_KEYS_FILE": str(home.path / "keys.json"),
            "LETTERBOX_SESSION_SECRET_FILE": str(home.secret("session")),
            "LETTERBOX_OPERATIONS": json.dumps(
                {other: f"http://127.0.0.1:{ports[f'{other}-operations']}" for other in SERVICES}
            ),
        }
    return {}


def _inherited() -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key in PASSED_ON or key.startswith("OTEL_")}
    return kept | {"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


LAUNCHERS_OWN = ("LETTERBOX_HOME", "LETTERBOX_PORT")


def _chosen(name: str) -> dict[str, str]:
    """The caller's own settings, but never a secret: those are each service's own."""
    return {
        key: value
        for key, value in os.environ.items()
        if key.startswith("LETTERBOX_") and key not in LAUNCHERS_OWN and "TEST" not in key and not _is_secret(key, name)
    }


def _is_secret(key: str, name: str) -> bool:
    mail_only = key.startswith(("LETTERBOX_SMTP_", "LETTERBOX_SES_")) and name != "notifier"
    return mail_only or (any(word in key for word in ("PASSWORD", "SECRET", "KEY")) and name != "notifier")
