"""The sandbox needs no privilege: it works, as tight as ever, for a user who has none and can get none."""

import json
import subprocess
import sys

from letterbox.local.home import REPOSITORY
from tests.support import files
from tests.support.unprivileged import ATTEMPTS


def test_the_sandbox_works_for_a_user_without_capabilities() -> None:
    command = [sys.executable, "-m", "tests.support.unprivileged"]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=120, cwd=REPOSITORY)
    told = json.loads(done.stdout)
    assert "0" not in told["user"], told["user"]
    assert int(told["capabilities"][0], 16) == 0
    assert told["no_new"] == ["1"]
    assert files.SENTENCE in told["application/pdf"]
    assert "Lighthouse harbour" in told["image/png"]
    assert told["bomb"] == "too_large"
    assert [attempt for attempt in ATTEMPTS if not told[attempt].startswith("denied")] == []
