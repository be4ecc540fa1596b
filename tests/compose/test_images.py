"""What the images are made of is all that their layers depend on."""

import json
from pathlib import Path

import pytest

from letterbox.local.home import REPOSITORY
from tests.compose import images
from tests.compose.project import Project

pytestmark = pytest.mark.timeout(600)

TAG = "again"
SERVICE = "search"
"""Not one that tests/deploy builds at the same time: what an image left without a name is removed."""


def test_the_same_input_gives_the_same_layers(stack: Project, tmp_path: Path) -> None:
    """Put together once more: a label more at two places, and Docker's cache does not know what follows."""
    text = (REPOSITORY / "deploy/Dockerfile").read_text()
    for line in ("FROM wheels AS application\n", "COPY --from=application /out /\n"):
        assert text.count(line) == 1
    text = text.replace("FROM wheels AS application\n", "FROM wheels AS application\nLABEL once=more\n")
    text = text.replace("COPY --from", "LABEL once=more\nCOPY --from")
    (tmp_path / "Dockerfile").write_text(text)
    try:
        images.build_ours(SERVICE, TAG, "--file", str(tmp_path / "Dockerfile"))
        first, again = layers(stack, images.ours(SERVICE)), layers(stack, images.ours(SERVICE, TAG))
    finally:
        stack.docker("image", "rm", images.ours(SERVICE, TAG))
    assert first == again


def layers(stack: Project, image: str) -> list[str]:
    """The hashes of an image's layers."""
    listed: list[str] = json.loads(stack.docker("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    return listed
