"""Rate limits: how much is allowed, when more will be, and for whom it is counted together."""

import pytest

from services.ingest.rates import MOST_KEYS, Limit, Rates, address_key, parse


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("30/minute", Limit(30, 60)),
        ("1/second", Limit(1, 1)),
        (" 5/Hour ", Limit(5, 3600)),
        ("off", None),
        (None, None),
        (Limit(2, 60), Limit(2, 60)),
    ],
)
def test_a_limit_is_written_as_people_say_it(written: object, limit: Limit | None) -> None:
    assert parse(written) == limit


@pytest.mark.parametrize(
    "written", ["", "30", "0/minute", "-1/minute", "1.5/minute", "30/day", "many/minute", "²/hour"]
)
def test_anything_else_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(ValueError, match="30/minute"):
        parse(written)


def test_as_many_as_allowed_and_then_a_wait_that_suffices(clock: Clock) -> None:
    rates = Rates(Limit(3, 60), clock)
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0]
    wait = rates.take("a")
    assert wait > 0
    clock.now += wait
    assert rates.take("a") == 0
    assert rates.take("a") > 0


def test_waiting_less_than_told_is_not_enough(clock: Clock) -> None:
    rates = Rates(Limit(1, 60), clock)
    rates.take("a")
    clock.now += rates.take("a") - 2
    assert rates.take("a") > 0


def test_asking_while_limited_does_not_make_it_worse(clock: Clock) -> None:
    rates = Rates(Limit(1, 60), clock)
    rates.take("a")
    for _ in range(59):
        clock.now += 1
        assert rates.take("a") > 0
    clock.now += 1
    assert rates.take("a") == 0


def test_a_long_rest_saves_up_no_more_than_the_limit(clock: Clock) -> None:
    rates = Rates(Limit(3, 60), clock)
    rates.take("a")
    clock.now += 100_000
    assert [rates.take("a") == 0 for _ in range(4)] == [True, True, True, False]


def test_each_key_has_a_limit_of_its_own(clock: Clock) -> None:
    rates = Rates(Limit(1, 60), clock)
    assert [rates.take(key) == 0 for key in ("a", "b", "a", "b")] == [True, True, False, False]


def test_off_allows_everything() -> None:
    rates = Rates(None)
    assert {rates.take("a") for _ in range(1000)} == {0}


def test_a_flood_of_addresses_does_not_grow_the_memory_and_spares_who_came_last(clock: Clock) -> None:
    rates = Rates(Limit(1, 3600), clock)
    rates.take("first")
    for number in range(MOST_KEYS):
        rates.take(str(number))
    assert rates.take(str(MOST_KEYS - 1)) > 0
    assert rates.take("first") == 0  # forgotten: the oldest went first


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("anything", "unknown"),
    ],
)
def test_an_ipv6_network_counts_as_one_address(address: str, key: str) -> None:
    assert address_key(address) == key


def test_two_doors_allow_together_what_one_would(clock: Clock) -> None:
    doors = [Rates(Limit(10, 60), clock) for _ in range(2)]
    for door in doors:
        door.share(2)
    assert sum(door.take("a") == 0 for door in doors for _ in range(10)) == 10
    clock.now += 60
    assert sum(door.take("a") == 0 for door in doors for _ in range(10)) == 10


def test_more_doors_than_are_allowed_still_let_somebody_in(clock: Clock) -> None:
    rates = Rates(Limit(1, 60), clock)
    rates.share(3)
    assert rates.take("a") == 0
    assert rates.take("a") > 60
