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

from letterbox.index_keys import ACTIONS as INDEX_KEYS
from letterbox.index_keys import key_of
from letterbox.local.home import REPOSITORY
from letterbox.local.objects import ACTIONS as OBJECT_KEYS
from letterbox.local.objects import identities
from letterbox.nats_configuration import SYSTEM, passwords, users

ROLES = ("postgres", "storage", "notifier", "search")
EMPTY = ("smtp-password", "aws-credentials")
"""Secrets that only the operator can know; a file with nothing in it means that there is none."""
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
# COMPOSE_PROFILES=
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
            *(f"nats-{user}" for user in (SYSTEM, *users())),
            *(f"postgres-{role}" for role in ROLES),
            *(f"s3-{user}" for user in OBJECT_KEYS),
            "meilisearch-master",
            "object-store-signing",
            "id",
            "session",
        ):
            self._once(name, secrets.token_urlsafe(32))
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
        self._write("nats-passwords.conf", passwords(lambda user: self.read(f"nats-{user}")))
        master = self.read("meilisearch-master")
        self._write(
            "meilisearch.toml",
            f'env = "production"\nhttp_addr = "0.0.0.0:7700"\nno_analytics = true\nmaster_key = "{master}"\n',
        )
        for user in INDEX_KEYS:
            self._write(f"meilisearch-{user}", key_of(user, master))

    def _keys(self) -> None:
        folder = self.folder / "keys"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        file = folder / "keys.json"
        if file.exists():
            return
        self.owner_key = f"lbx_{secrets.token_urlsafe(32)}"
        digest = hashlib.sha256(self.owner_key.encode()).hexdigest()
        file.write_text(json.dumps({"keys": [{"id": "owner", "sha256": digest}]}, indent=2) + "\n", encoding="utf-8")
        file.chmod(0o644)

    def _once(self, name: str, text: str) -> None:
        if not (self.folder / name).exists():
            self._write(name, text)
            self.made += 1

    def _write(self, name: str, text: str) -> None:
        """Write in place: a container that has the file mounted goes on seeing it."""
        file = self.folder / name
        if file.exists():
            file.chmod(0o600)
        file.write_text(text, encoding="utf-8")
        file.chmod(READABLE)


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
    )
    try:
        with arguments.env.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def main() -> None:
    """`python3 -m letterbox.setup`."""
    parser = argparse.ArgumentParser(prog="letterbox setup")
    add_arguments(parser)
    sys.exit(run(parser.parse_args()))


if __name__ == "__main__":
    main()
