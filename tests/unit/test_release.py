"""Which containers a release replaces: by the names of images, by mounted files, by what goes into an image."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from letterbox.local.home import REPOSITORY
from letterbox.release import LABEL, release

IMAGES = ("ingest", "storage", "indexer", "notifier", "search", "operator")


def test_our_images_are_named_and_others_stay(tmp_path: Path) -> None:
    made = release(project(tmp_path), {"ingest": "registry/letterbox-ingest:content-1"})["services"]
    assert made["ingest"]["image"] == "registry/letterbox-ingest:content-1"
    assert "image" not in made["caddy"]
    assert "image" not in made.get("storage", {}), "not in this release"


def test_a_label_follows_the_files_that_are_mounted(tmp_path: Path) -> None:
    before = labels(tmp_path)
    assert labels(tmp_path) == before
    (tmp_path / "deploy/Caddyfile").write_text("another gateway")
    assert differing(before, labels(tmp_path)) == {"caddy"}
    (tmp_path / "deploy/rules/a.yml").write_text("another rule")
    assert differing(before, labels(tmp_path)) == {"caddy", "prometheus"}
    (tmp_path / "secret").write_text("another secret")
    assert differing(before, labels(tmp_path)) == {"caddy", "prometheus", "ingest"}


def test_the_folder_of_owners_keys_is_no_reason_to_replace_anything(tmp_path: Path) -> None:
    before = labels(tmp_path)
    (tmp_path / "keys/keys.json").write_text("another key")
    assert labels(tmp_path) == before


def test_an_image_is_built_again_when_something_that_goes_into_it_changed(tmp_path: Path) -> None:
    for part in ("deploy", "letterbox", "libs", "services", ".dockerignore"):
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "terraform-ec2"))
        else:
            shutil.copy(source, tmp_path / part)
    before = inputs(tmp_path)
    assert len(set(before.values())) == len(IMAGES)
    for file, changes in (
        ("services/notifier/settings.py", {"notifier"}),
        ("services/storage/handlers.py", {"storage", "operator"}),
        ("libs/service/health.py", set(IMAGES)),
        ("deploy/Dockerfile", set(IMAGES)),
        ("deploy/caddy/Caddyfile", set()),
    ):
        text = (tmp_path / file).read_text()
        (tmp_path / file).write_text(text + "\n# changed\n")
        assert differing(before, inputs(tmp_path)) == changes, file
        (tmp_path / file).write_text(text)
    assert inputs(tmp_path) == before


def project(folder: Path) -> dict[str, Any]:
    """What `docker compose config` says of a small project."""
    for name in ("deploy/Caddyfile", "deploy/rules/a.yml", "keys/keys.json", "secret"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if not (folder / name).exists():
            (folder / name).write_text(name)

    def mounted(name: str) -> list[dict[str, str]]:
        return [{"type": "bind", "source": str(folder / name)}]

    return {
        "services": {
            "caddy": {"image": "caddy:2", "volumes": mounted("deploy/Caddyfile")},
            "prometheus": {"image": "prom/prometheus:3", "volumes": mounted("deploy/rules")},
            "ingest": {"image": "registry/letterbox-ingest:0.1.0", "secrets": [{"source": "one"}]},
            "storage": {"image": "registry/letterbox-storage:0.1.0"},
            "search": {"image": "letterbox-search:0.1.0", "volumes": mounted("keys")},
            "nats": {"image": "nats:2", "volumes": [{"type": "volume", "source": "nats-data"}]},
        },
        "secrets": {"one": {"file": str(folder / "secret")}},
    }


def labels(folder: Path) -> dict[str, str]:
    """The label of each service that has one."""
    made = release(project(folder), {})["services"]
    return {name: one["labels"][LABEL] for name, one in made.items() if "labels" in one}


def inputs(folder: Path) -> dict[str, str]:
    """The hash of what goes into each image."""
    scripts = REPOSITORY / "scripts"
    each = f'for one in "${{IMAGES[@]}}"; do hash_of_inputs {folder} "$one"; done'
    calls = f". {scripts}/dry-run.sh; . {scripts}/images.sh; {each}"
    done = subprocess.run(["bash", "-ec", calls], capture_output=True, text=True, check=True)
    return dict(zip(IMAGES, done.stdout.split(), strict=True))


def differing(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """The names whose value is another."""
    return {name for name in before if before[name] != after[name]}
