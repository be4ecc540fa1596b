"""A host is set up, deployed to, and goes back by itself: the scripts as they are, over SSH, on a real project.

What docs/howto/install-on-a-host.md, docs/howto/upgrade.md and docs/flows/deployment-and-backup.md say is done here.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose import images
from tests.deploy.host import BUILD, Host, docker, finished, host

pytestmark = pytest.mark.timeout(1200)  # the first one makes the images


@pytest.fixture(scope="module")
def prepared() -> Iterator[Host]:
    """A host on which `scripts/setup-ec2.sh` has run once."""
    absent = [program for program in ("ssh", "ssh-keygen", "rsync", "git") if shutil.which(program) is None]
    reason = f"{', '.join(absent)} missing" if absent else images.missing()
    if reason:
        pytest.skip(reason)
    images.build()
    with host() as one:
        set_up(one)
        yield one


def set_up(one: Host) -> str:
    """Run `scripts/setup-ec2.sh` on the host."""
    options = " ".join(f"{option.replace('=', ' ', 1)}" for option in BUILD)
    call = f"--repository file://{one.checkout} --folder {one.folder} --owner owner@letterbox.example {options}"
    return one.ssh("git config --global safe.directory '*' &&", f"{one.checkout}/scripts/setup-ec2.sh", call).stdout


def test_setting_up_again_changes_nothing(prepared: Host) -> None:
    before, kept = prepared.runs(), what_is_kept(prepared)
    assert len(before) == 10
    assert all(health(one) == "healthy" for one in long_running(prepared))
    set_up(prepared)
    assert prepared.runs() == before
    assert what_is_kept(prepared) == kept


def test_with_systemd_backups_and_drills_are_scheduled(prepared: Host) -> None:
    """systemd itself does not run in a container: its folder and its command are stand-ins; units are as they are."""
    calls, units = prepared.home / "systemctl", prepared.home / "units"
    units.mkdir()
    prepared.ssh(
        f"mkdir -p /run/systemd/system && printf '#!/bin/sh\necho \"$*\" >> {calls}\n' > /usr/local/bin/systemctl &&"
        " chmod +x /usr/local/bin/systemctl"
    )
    options = " ".join(f"{option.replace('=', ' ', 1)}" for option in BUILD)
    prepared.ssh(f"UNITS={units} {prepared.checkout}/scripts/setup-ec2.sh --folder {prepared.folder} {options}")
    prepared.ssh("rm -r /run/systemd/system /usr/local/bin/systemctl")
    assert calls.read_text().splitlines()[-1] == (
        "enable --now letterbox-backup.timer letterbox-erasures.timer letterbox-drill.timer"
    )
    for unit in units.glob("*.service"):
        command = next(line for line in unit.read_text().splitlines() if line.startswith("ExecStart="))
        script = Path(command.removeprefix("ExecStart=").split()[0])
        assert script.is_relative_to(prepared.app)
        assert script.stat().st_mode & 0o100
        assert (units / f"{unit.stem}.timer").exists()
    assert len(list(units.iterdir())) == 6


def test_the_owners_key_is_kept_for_root_alone(prepared: Host) -> None:
    key = prepared.folder / "owner.key"
    assert key.stat().st_mode & 0o777 == 0o600
    digest = hashlib.sha256(key.read_text().strip().encode()).hexdigest()
    assert digest in (prepared.app / "secrets/keys/keys.json").read_text()


def test_a_deployment_replaces_only_the_container_that_changed(prepared: Host) -> None:
    before = prepared.runs()
    prepared.change("services/notifier/settings.py", '"""', '"""Another. ')
    kept = prepared.app / "backups/2026-11-28T03-00-00Z"
    kept.mkdir()
    said = prepared.deploy().stdout
    assert kept.is_dir(), "backups are the host's, and stay"
    assert changed(before, prepared.runs()) == {"notifier"}
    assert prepared.git("describe", "--always", "--abbrev=12").strip() in said


def test_the_same_again_through_a_tunnel_replaces_nothing(prepared: Host) -> None:
    """AWS itself is not here: `aws` is a stand-in that relays to the same sshd."""
    before = prepared.runs()
    prepared.deploy("--host=root@i-0123456789abcdef0", first=prepared.tunnel())
    assert prepared.runs() == before
    call = "ssm start-session --target i-0123456789abcdef0 --document-name AWS-StartSSHSession --parameters portNumber="
    assert all(line.startswith(call) for line in (prepared.tunnel() / "calls").read_text().splitlines())


def test_a_release_that_does_not_become_healthy_goes_back(prepared: Host) -> None:
    before = {name: one["Image"] for name, one in prepared.containers().items()}
    gateway, revision = (prepared.app / "deploy/caddy/Caddyfile").read_text(), (prepared.app / "REVISION").read_text()
    prepared.change("services/notifier/__main__.py", '"""', 'raise SystemExit("it is broken")\n"""')
    prepared.change("deploy/caddy/Caddyfile", "\n", "\n# changed\n")
    done = prepared.deploy("--timeout=100", check=False)
    assert done.returncode == 1, done.stdout
    assert "it is broken" in done.stdout
    assert f"went back: {revision.strip()} runs" in done.stdout
    assert {name: one["Image"] for name, one in prepared.containers().items()} == before
    assert all(health(one) == "healthy" for one in long_running(prepared))
    assert (prepared.app / "deploy/caddy/Caddyfile").read_text() == gateway
    assert gateway == docker("exec", prepared.containers()["caddy"]["Id"], "cat", "/etc/caddy/Caddyfile")
    prepared.git("reset", "--quiet", "--hard", "HEAD~2")


def test_a_migration_that_fails_touches_nothing_that_runs(prepared: Host) -> None:
    before = prepared.runs()
    broken = prepared.checkout / "services/storage/migrations/999_broken.sql"
    broken.write_text("alter table there_is_no_such add column a text;\n")
    prepared.git("add", "--all")
    prepared.git("commit", "--quiet", "--message", "A broken migration")
    done = prepared.deploy(check=False)
    assert done.returncode == 1, done.stdout
    assert "there_is_no_such" in done.stdout
    assert "went back: " in done.stdout
    assert prepared.runs() == before
    prepared.git("reset", "--quiet", "--hard", "HEAD~1")


def test_changed_settings_reach_the_containers_that_have_them(prepared: Host) -> None:
    before = prepared.runs()
    (prepared.app / "secrets/smtp-password").chmod(0o600)
    (prepared.app / "secrets/smtp-password").write_text("another")
    (prepared.app / "secrets/smtp-password").chmod(0o444)
    prepared.ssh(f"{prepared.app}/scripts/release.sh --settings --folder {prepared.folder}")
    assert changed(before, prepared.runs()) == {"notifier"}


def test_what_cannot_be_deployed_is_refused_before_anything_is_touched(prepared: Host) -> None:
    before = prepared.runs()
    assert "needs --host" in finished(str(prepared.checkout / "scripts/deploy-opensource.sh"), check=False).stdout
    file = prepared.checkout / "LICENSE"
    file.write_text(file.read_text() + "\n")
    refused = prepared.deploy(check=False)
    prepared.git("checkout", "--quiet", "LICENSE")
    assert refused.returncode == 1
    assert "not committed" in refused.stdout
    away = prepared.deploy("--host=root@127.0.0.1", "--port=1", check=False)
    assert away.returncode == 1
    assert "cannot be reached by SSH" in away.stdout
    nowhere = prepared.deploy(f"--folder={prepared.home}/nowhere", check=False)
    assert nowhere.returncode == 1
    assert "scripts/setup-ec2.sh writes it" in nowhere.stdout
    assert prepared.runs() == before


def test_the_monitor_shows_what_wants_attention(prepared: Host) -> None:
    metrics = prepared.app / "backups/metrics/letterbox_backup.prom"
    metrics.write_text(f"letterbox_backup_last_success_timestamp_seconds {time.time()}\n")
    drill = metrics.with_name("letterbox_drill.prom")
    drill.write_text(f"letterbox_drill_last_success_timestamp_seconds {time.time()}\n")
    monitor = f"{prepared.app}/scripts/monitor-deployment.sh --folder {prepared.folder}"
    well = prepared.ssh(monitor).stdout
    assert "\n!" not in well
    for shown in ("indexer-extract 0 waiting", "localhost ends ", "used, ", "backup 0 h ago", "drill 0 h ago"):
        assert " ".join(shown.split()) in " ".join(well.split()), well
    docker("stop", "--time", "5", prepared.containers()["notifier"]["Id"])
    metrics.write_text("letterbox_backup_last_success_timestamp_seconds 1\n")
    try:
        ill = prepared.ssh(monitor, check=False)
    finally:
        docker("start", prepared.containers()["notifier"]["Id"])
    assert ill.returncode == 1
    wanting = [line.split()[1] for line in ill.stdout.splitlines() if line.startswith("!")]
    assert wanting == ["notifier", "notifier", "backup"]


def changed(before: dict[str, tuple[str, str]], after: dict[str, tuple[str, str]]) -> set[str]:
    """The services whose container is another, or was started again."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def long_running(one: Host) -> list[dict[str, object]]:
    """The containers that stay."""
    running = one.runs()
    return [container for name, container in one.containers().items() if name in running]


def health(container: dict[str, object]) -> str:
    """What Docker says of a container's health."""
    return str(container["State"]["Health"]["Status"])  # type: ignore[index]


def what_is_kept(one: Host) -> dict[Path, str]:
    """Settings and secrets, by their hash."""
    files = [one.app / ".env", one.folder / "owner.key", *(one.app / "secrets").rglob("*")]
    return {file: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}
