"""Every part is killed again and again under load: nothing accepted is lost, and nothing is there twice."""

import pytest

from tests.faults.chaos.run import PARTS, chaos

SEED = 20261124


@pytest.mark.timeout(900)
async def test_thirty_kills_lose_and_double_nothing() -> None:
    outcome = await chaos(seed=SEED, submissions=500, kills=30)
    assert outcome.account.wrong == [], outcome.report()
    assert outcome.submissions >= 500
    assert sum(outcome.kills.values()) >= 30
    assert all(outcome.kills[part] >= 3 for part in PARTS)
    assert outcome.given_up == 0
    assert outcome.dead_letters == 0, outcome.report()
