"""`letterbox prepare` on the servers of a stack, as the one-shots of compose run it."""

import os
import subprocess
import sys
from pathlib import Path

from letterbox.local.home import REPOSITORY
from letterbox.local.objects import access_key
from letterbox.local.stack import LocalStack


def prepare(stack: LocalStack, *arguments: str, secrets: Path, bucket: str) -> subprocess.CompletedProcess[str]:
    """The command's end, whatever it was; `secrets` is the folder with the passwords."""
    environment = {
        "LETTERBOX_POSTGRES_SERVER": f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}",
        "LETTERBOX_POSTGRES_PASSWORD": stack.password("postgres"),
        "LETTERBOX_SECRETS_PATH": str(secrets),
        "LETTERBOX_NATS_URL": stack.address("nats"),
        "LETTERBOX_NATS_USER": "provision",
        "LETTERBOX_NATS_PASSWORD": stack.secret("nats-provision"),
        "LETTERBOX_S3_ENDPOINT_URL": stack.address("object-store"),
        "LETTERBOX_S3_ACCESS_KEY": access_key("operator"),
        "LETTERBOX_S3_SECRET_KEY": stack.secret("s3-operator"),
        "LETTERBOX_BUCKET": bucket,
    }
    return subprocess.run(
        [sys.executable, "-m", "letterbox", "prepare", *arguments],
        capture_output=True, text=True, cwd=REPOSITORY, env={"PATH": os.environ["PATH"], **environment}, check=False,
    )  # fmt: skip
