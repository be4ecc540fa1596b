"""Tests that run at the same time never take each other's ports."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from letterbox.local.home import Home
from tests.support.ports import FREE, STACKS, free_port, own_share, share


@pytest.mark.parametrize("whole", [FREE, STACKS])
def test_the_shares_of_all_workers_are_apart_and_inside(whole: range) -> None:
    shares = [set(share(whole, f"gw{number}", 3)) for number in range(3)]
    assert all(shares)
    assert set().union(*shares) <= set(whole)
    assert sum(map(len, shares)) == len(set().union(*shares))


def test_without_workers_a_test_has_all_ports() -> None:
    assert share(FREE, "", 1) == FREE


def test_a_free_port_and_a_stacks_ports_are_of_this_worker(tmp_path: Path) -> None:
    assert free_port() in own_share(FREE)
    home = Home(tmp_path)
    home.prepare()
    assert set(home.ports(("nats", "postgres", "ingest")).values()) <= set(own_share(STACKS))


def test_no_port_is_given_twice_before_its_owner_listens() -> None:
    given = [free_port() for _ in range(300)]
    assert len(set(given)) == len(given)


def test_a_command_started_by_a_test_takes_the_ports_that_are_set(tmp_path: Path) -> None:
    program = (
        "import json, sys; from pathlib import Path; from letterbox.local.home import Home;"
        "home = Home(Path(sys.argv[1])); home.prepare(); print(json.dumps(home.ports(['a', 'b', 'c'])))"
    )
    environment = {**os.environ, "LETTERBOX_PORTS": "21000-21009"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, capture_output=True, text=True, check=True
    )
    assert set(json.loads(done.stdout).values()) <= set(range(21_000, 21_010))


def test_a_range_of_ports_that_is_none_is_a_clear_message(tmp_path: Path) -> None:
    environment = {**os.environ, "LETTERBOX_PORTS": "many", "LETTERBOX_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        [sys.executable, "-m", "letterbox", "up"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "LETTERBOX_PORTS" in done.stderr
    assert "Traceback" not in done.stderr
