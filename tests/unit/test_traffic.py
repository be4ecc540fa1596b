"""A replay rests while others publish, and only then."""

import time

import pytest

from libs.events import traffic
from libs.events.traffic import LONGEST_REST_SECONDS, LOOK_SECONDS, Traffic


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be moved by hand."""
    now = [100.0]
    monkeypatch.setattr(traffic.time, "monotonic", lambda: now[0])
    return now


def replay(seen: Traffic, clock: list[float], published: int) -> float:
    """A second in which 1,000 messages are read and `published` come; how long a batch of 0.1 s is rested after."""
    left = 50_000
    for number in range(1_000):
        left += published // 1_000 + (number < published % 1_000) - 1
        seen.delivered(left, 1)
    clock[0] += 1.0
    return seen.rest_after(0.1)


@pytest.mark.parametrize(("published", "rest"), [(0, 0.0), (20, 0.0), (1_000, 0.1), (3_000, 0.1)])
def test_a_replay_rests_as_long_as_it_worked_while_others_publish(
    clock: list[float], published: int, rest: float
) -> None:
    seen = Traffic()
    seen.delivered(50_000, 1)
    assert replay(seen, clock, published) == rest
    clock[0] += LOOK_SECONDS
    assert seen.rest_after(0.1) == 0.0, "as soon as nobody does, it goes on"


def test_what_is_delivered_again_was_not_published_again(clock: list[float]) -> None:
    seen = Traffic()
    for deliveries in range(1, 2_000):
        seen.delivered(50_000, deliveries)
    clock[0] += 1.0
    assert seen.rest_after(0.1) == 0.0


def test_a_long_batch_is_not_rested_after_for_ever(clock: list[float]) -> None:
    seen = Traffic()
    seen.delivered(1, 1)
    seen.delivered(5_000, 1)
    clock[0] += 1.0
    assert seen.rest_after(3_600.0) == LONGEST_REST_SECONDS
    assert time.monotonic() == clock[0]
