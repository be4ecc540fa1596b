"""`letterbox setup`: write `.env` and the secrets of `docker compose` once; what is there stays as it is.

Needs nothing but Python: `python3 -m letterbox.setup` works on a host with no packages. The files that are made of
secrets and tables (the object store's identities, NATS's passwords) are written each time, so that they follow.
"""

import argparse
import hashlib
import json
import secrets
import sys
from pathlib import Path

from letterbox.backups.identity import new_identity
from letterbox.index_keys import key_of
from letterbox.local.home import REPOSITORY
from letterbox.local.objects import identities
from letterbox.nats_configuration import SYSTEM, passwords, routes
from libs.rights import rights

CONSOLES = ("grafana-admin", "pgadmin", "object-store-admin")
"""What consoles ask for by themselves, behind the owner's login at the gateway."""
SYNTHETIC = "owner-key-synthetic"
"""An owner's key for the check that sends, finds and erases by itself."""
EMPTY = ("smtp-password", "aws-credentials", "alert-slack-url", "alert-pagerduty-key")
"""Secrets that only the operator can know; a file with nothing in it means that there is none."""
DOCKER_SOCKET = Path("/var/run/docker.sock")
"""The group that may use it is whom the reader of containers' logs belongs to (profile monitoring)."""
READABLE = 0o444
"""Each file is mounted into containers whose users are not the host's; the folder around it is closed."""
LOCAL = "localhost"
FORM = """# Written by `letterbox setup`; yours to change. Nothing secret is in it: secrets are files in {secrets}.
# docs/settings.md lists every setting; `docker compose up --detach --wait` applies them.

LETTERBOX_SITE_ADDRESS={domain}
LETTERBOX_PUBLIC_URL=https://{domain}
LETTERBOX_MAIL_FROM={sender}
LETTERBOX_MAIL_OWNER={owner}

# The way mails leave: an SMTP server (its password: {secrets}/smtp-password), or `ses` ({secrets}/aws-credentials).
LETTERBOX_MAIL_CHANNEL=smtp
LETTERBOX_SMTP_HOST={smtp_host}
LETTERBOX_SMTP_PORT={smtp_port}
LETTERBOX_SMTP_TLS={smtp_tls}
# LETTERBOX_SMTP_USER=

# LETTERBOX_FORMS=["contact"]
# LETTERBOX_ORIGINS=["https://www.example.org"]
# LETTERBOX_PUBLISH_HTTP=80
# LETTERBOX_PUBLISH_HTTPS=443

# monitoring, admin, antivirus, dev: docs/howto/run-with-docker-compose.md
# COMPOSE_PROFILES=monitoring
# LETTERBOX_CLAMD_ADDRESS=clamd:3310
# OTEL_EXPORTER_OTLP_ENDPOINT=http://tempo:4318
LETTERBOX_DOCKER_GROUP={docker_group}

# Who is told of alerts (profile monitoring): secrets/alert-slack-url, secrets/alert-pagerduty-key, or mail.
# LETTERBOX_ALERT_MAIL_TO={owner}
# LETTERBOX_ALERT_SMARTHOST={smtp_host}:{smtp_port}
LETTERBOX_SYNTHETIC_VERIFY={verify}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where, and what for."""
    parser.description = (
        "Writes .env and the folder secrets for `docker compose`. Existing files are never overwritten, but for those "
        "that are made of other secrets and of tables in deploy/. Prints the owner's key once, when it is made."
    )
    parser.add_argument("--domain", default=LOCAL, help="the site's name; localhost gets a certificate of its own")
    parser.add_argument("--owner", default="", help="the address that is told of messages")
    parser.add_argument("--sender", default="", help="the address mails come from; default: letterbox@DOMAIN")
    parser.add_argument("--smtp", default="", metavar="HOST[:PORT]", help="the mail server; default: the profile dev's")
    parser.add_argument("--secrets", type=Path, default=REPOSITORY / "secrets", help=argparse.SUPPRESS)
    parser.add_argument("--env", type=Path, default=REPOSITORY / ".env", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Write what is not there yet, and say so."""
    store = Secrets(arguments.secrets)
    store.make()
    made = _write_settings(arguments)
    # Before Docker would make it, as root: backups leave their figures there, for the profile monitoring.
    backups = arguments.env.parent / _setting(arguments.env, "LETTERBOX_BACKUPS", "backups")
    backups.mkdir(mode=0o700, exist_ok=True)
    (backups / "metrics").mkdir(exist_ok=True)
    print(f"{arguments.env} is written." if made else f"{arguments.env} was there, and stays as it is.")
    print(f"{store.made} secrets are new in {arguments.secrets}." if store.made else "All secrets were there.")
    if store.owner_key:
        print(f"\n  owner's key    {store.owner_key}\n\nIt is shown only now; search keeps its hash.")
    return 0


class Secrets:
    """The folder of secrets: what is missing is made, what is there is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made = 0
        self.owner_key = ""
        """The owner's key, if it was made now."""

    def make(self) -> None:
        """Write every secret that is missing, and everything that is made of secrets."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        for name in (
            *(f"nats-{user}" for user in (SYSTEM, *rights("nats"))),
            *(f"postgres-{role}" for role in ("postgres", *rights("postgres"))),
            *(f"s3-{user}" for user in rights("objects")),
            "nats-route",
            "meilisearch-master",
            "object-store-signing",
            "id",
            "session",
            *CONSOLES,
        ):
            self._once(name, secrets.token_urlsafe(32))
        self._once("backup", new_identity())
        for name in EMPTY:
            self._once(name, "")
        self._keys()
        self._derived()

    def read(self, name: str) -> str:
        """A secret that is there."""
        return (self.folder / name).read_text(encoding="utf-8")

    def _derived(self) -> None:
        bucket = {"identities": identities("pretamane-data", self.read)}
        self._write("object-store.json", json.dumps(bucket, indent=2) + "\n")
        signing = json.dumps(self.read("object-store-signing"))
        self._write("object-store-security.toml", f"[jwt.filer_signing]\nkey = {signing}\n")
        admin = json.dumps(self.read("object-store-admin"))
        console = f'[admin]\nuser = "admin"\npassword = {admin}\n\n[jwt.filer_signing]\nkey = {signing}\n'
        self._write("object-store-admin.toml", console)
        self._write("nats-passwords.conf", passwords(lambda user: self.read(f"nats-{user}")))
        self._write("nats-routes.conf", routes(self.read("nats-route")))
        master = self.read("meilisearch-master")
        self._write(
            "meilisearch.toml",
            f'env = "production"\nhttp_addr = "0.0.0.0:7700"\nno_analytics = true\nmaster_key = "{master}"\n',
        )
        for user in rights("index"):
            self._write(f"meilisearch-{user}", key_of(user, master))

    def _keys(self) -> None:
        folder = self.folder / "keys"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        file = folder / "keys.json"
        known = json.loads(file.read_text(encoding="utf-8"))["keys"] if file.exists() else []
        keys = [key for key in known if key["id"] != "synthetic"] if self._is_missing(SYNTHETIC) else known
        if not known:
            self.owner_key = _new_key()
            keys.append(_entry("owner", self.owner_key))
        if self._is_missing(SYNTHETIC):
            self._once(SYNTHETIC, _new_key())
            keys.append(_entry("synthetic", self.read(SYNTHETIC)))
        if keys != known:
            file.write_text(json.dumps({"keys": keys}, indent=2) + "\n", encoding="utf-8")
            file.chmod(0o644)

    def _is_missing(self, name: str) -> bool:
        return not (self.folder / name).exists()

    def _once(self, name: str, text: str) -> None:
        if self._is_missing(name):
            self._write(name, text)
            self.made += 1

    def _write(self, name: str, text: str) -> None:
        """Write in place: a container that has the file mounted goes on seeing it."""
        file = self.folder / name
        if file.exists():
            file.chmod(0o600)
        file.write_text(text, encoding="utf-8")
        file.chmod(READABLE)


def _new_key() -> str:
    return f"lbx_{secrets.token_urlsafe(32)}"


def _entry(name: str, key: str) -> dict[str, str]:
    """What search keeps of a key."""
    return {"id": name, "sha256": hashlib.sha256(key.encode()).hexdigest()}


def _write_settings(arguments: argparse.Namespace) -> bool:
    host, _, port = (arguments.smtp or ("mail:2525" if arguments.domain == LOCAL else "")).partition(":")
    text = FORM.format(
        secrets=arguments.secrets.name,
        domain=arguments.domain,
        owner=arguments.owner,
        sender=arguments.sender or f"letterbox@{arguments.domain}",
        smtp_host=host,
        smtp_port=port or "587",
        smtp_tls="none" if host == "mail" else "starttls",
        verify="false" if arguments.domain == LOCAL else "true",
        docker_group=DOCKER_SOCKET.stat().st_gid if DOCKER_SOCKET.exists() else 999,
    )
    try:
        with arguments.env.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _setting(env: Path, name: str, otherwise: str) -> str:
    """What the settings say now; the last line counts, as for Compose."""
    said = [
        line.partition("=")[2].strip() for line in env.read_text("utf-8").splitlines() if line.startswith(f"{name}=")
    ]
    return said[-1] if said else otherwise


def main() -> None:
    """`python3 -m letterbox.setup`."""
    parser = argparse.ArgumentParser(prog="letterbox setup")
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
