"""What an image installs is enough for what starts in it: that is loaded with every other package out of sight."""

import re
import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest

from letterbox.local.home import REPOSITORY
from scripts.service_requirements import IMAGES

STARTS = {image: f"services.{image}.__main__" for image in IMAGES} | {"operator": "letterbox.__main__"}
CODE = {image: {image} for image in IMAGES} | {"operator": {"storage", "indexer"}}
"""The services whose code is in the image (deploy/Dockerfile)."""
LOAD = """
import importlib, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if absent & {name, name.partition(".")[0]}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

absent = set(sys.argv[2].split(","))
sys.meta_path.insert(0, Absent())
importlib.import_module(sys.argv[1])
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def outside(image: str) -> set[str]:
    """Modules that are installed here and not in the image."""
    lines = (REPOSITORY / f"deploy/requirements/{image}.txt").read_text().splitlines()
    inside = {normal(line.partition("==")[0]) for line in lines if "==" in line}
    assert "aiohttp" in inside
    found = packages_distributions()
    ours = {"letterbox", "libs", "services", "__editable___letterbox_0_1_0_finder"}
    packages = {module for module, names in found.items() if not inside & {normal(name) for name in names}}
    services = {f"services.{other}" for other in IMAGES if other not in CODE[image]}
    return packages - ours | services | (set() if image == "operator" else {"letterbox"})


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_has_every_package_that_it_loads(image: str) -> None:
    command = [sys.executable, "-c", LOAD, STARTS[image], ",".join(sorted(outside(image)))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
