"""Every hostile file ends as read or failed with a reason, within its limits, and leaves nothing behind."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from letterbox.local.home import REPOSITORY
from tests.hostile.archives import ARCHIVES
from tests.hostile.papers import PAPERS
from tests.hostile.pictures import PICTURES
from tests.hostile.reader import LIMITS, RESERVES
from tests.hostile.specimen import REASONS, Specimen
from tests.hostile.texts import DISGUISES, HALVES, TEXTS

SPECIMENS = (*ARCHIVES, *PAPERS, *PICTURES, *TEXTS, *DISGUISES, *HALVES)
ALL_SECONDS = 400
GRACE_SECONDS = 10
MOST_GROWTH = 50 << 20

pytestmark = pytest.mark.timeout(ALL_SECONDS + 60)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the process that owns the sandbox told of each file, and at the end of itself (under an empty name)."""
    folder = tmp_path_factory.mktemp("hostile")
    for specimen in SPECIMENS:
        (folder / specimen.name).write_bytes(specimen.make())
    command = [sys.executable, "-m", "tests.hostile.reader", str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=ALL_SECONDS, cwd=REPOSITORY)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {str(line.get("name", "")): line for line in lines}


@pytest.mark.parametrize("specimen", SPECIMENS, ids=lambda specimen: specimen.name)
def test_a_hostile_file_ends_as_read_or_failed_with_a_reason(told: dict[str, Any], specimen: Specimen) -> None:
    ended = told[specimen.name]
    assert ended["end"] in specimen.ends, ended
    assert ended["seconds"] < LIMITS.wall_seconds + GRACE_SECONDS
    assert not specimen.never or specimen.never not in str(ended["text"])
    if specimen.bomb:
        assert ended["end"] != "too_slow", "a bomb is to be refused, not to be unpacked until time runs out"


def test_no_process_is_left_and_the_owner_of_the_sandbox_has_not_grown(told: dict[str, dict[str, Any]]) -> None:
    left = told[""]["left"]
    assert len(left) == RESERVES, "only the processes that wait for the next document"
    assert not [pid for pid in (*left, told[""]["warm"]) if Path(f"/proc/{pid}").exists()], "they end with their owner"
    grown = {name: line["grown"] for name, line in told.items()}
    assert grown[""] < MOST_GROWTH, sorted(grown.items(), key=lambda each: -each[1])[:5]


def test_there_are_as_many_as_promised() -> None:
    assert len(SPECIMENS) >= 40
    assert len({specimen.name for specimen in SPECIMENS}) == len(SPECIMENS)
    assert all(specimen.ends <= REASONS | {"read"} for specimen in SPECIMENS)
