"""All volumes of a host are lost and come back from a copy elsewhere: docs/howto/backup-and-restore.md."""

import re
import shutil

import pytest

from tests.compose.project import Project
from tests.compose.visitor import Visitor
from tests.support.files import pdf

pytestmark = pytest.mark.timeout(900)

LOST = ("nats-data", "postgres-data", "object-store-data", "index-data")
KEPT = ("caddy", "mail")
"""The gateway has its certificates, the catch-all the mails that were sent."""


async def test_what_was_backed_up_elsewhere_comes_back_after_all_volumes_and_backups_are_lost(
    visitor: Visitor,
) -> None:
    stack, elsewhere = visitor.stack, str(visitor.stack.home / "elsewhere")
    submission = await visitor.send("A copy elsewhere.", [("tide.pdf", pdf("The almanac of the tides."))])
    assert (await visitor.ended(submission))["status"] == "done"
    mails = len(await visitor.mails())
    stack.script("backup-data.sh", "--copy-to", elsewhere)
    drilled(stack)
    listed = stack.script("backup-data.sh", "--erasures", "--copy-to", elsewhere)
    assert re.search(r"\d+ erased ids are listed", listed)  # the synthetic check's own are among them

    everything, stack.profiles = stack.profiles, ["dev"]  # what watches from beside is not lost and not restored
    services = [name for name in stack.compose("config", "--services").split() if name not in KEPT]
    stack.compose("rm", "--stop", "--force", *services)
    stack.docker("volume", "rm", *(f"{stack.name}_{name}" for name in LOST))
    shutil.rmtree(stack.home / "backups")
    identity = stack.home / "secrets" / "id"
    known = identity.read_text()
    identity.chmod(0o644)
    identity.write_text("another")

    try:
        said = stack.script("restore-data.sh", "--copy-from", elsewhere)
    finally:
        stack.profiles = everything
    stack.up()
    assert "Nothing is missing." in said
    stack.healthy()
    assert identity.read_text().strip() == known
    assert (await visitor.journey(submission))["status"] == "done"
    assert "tide.pdf" in [hit["filename"] for hit in await visitor.found("almanac tides")]
    assert "Nothing is lost." in stack.compose("run", "--rm", "-T", "operator", "verify", "--grace", "120")
    assert len(await visitor.mails()) == mails


def drilled(stack: Project) -> None:
    """The newest backup is restored beside the system, which goes on, and nothing of that is left."""
    before = {container["Id"] for container in stack.containers()}
    said = stack.script("drill-data.sh", "--subnet", f"10.252.{int(stack.name[-2:], 16)}.0/24")
    assert "lost if this system were gone now: 0 submissions" in said
    assert int(re.search(r"(\d+) samples searched and compared, 0 mails sent", said)[1]) >= 2  # type: ignore[index]
    assert "The backup is whole." in said
    assert "letterbox_drill_rto_seconds" in (stack.home / "backups/metrics/letterbox_drill.prom").read_text()
    assert {container["Id"] for container in stack.containers()} == before
    assert f"{stack.name}-drill" not in stack.docker("ps", "--all") + stack.docker("volume", "ls")
