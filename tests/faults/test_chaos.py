"""Every part is killed twice under load: nothing accepted is lost or there twice. `make chaos` goes on for longer."""

import pytest

from tests.faults.chaos.run import PARTS, chaos

SEED = 20261124


@pytest.mark.timeout(900)
async def test_kills_lose_and_double_nothing() -> None:
    outcome = await chaos(seed=SEED, submissions=250, kills=18)
    assert outcome.account.wrong == [], outcome.report()
    assert outcome.submissions >= 250
    assert sum(outcome.kills.values()) >= 18
    assert all(outcome.kills[part] >= 2 for part in PARTS)
    assert outcome.given_up == 0
    assert outcome.dead_letters == 0, outcome.report()
