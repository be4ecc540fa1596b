"""Durations as Prometheus writes them (`90s`, `5m`, `26h`), and time run faster for tests."""

import re

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
DURATION = re.compile(r"^(\d+)(ms|s|m|h|d)$")
_RANGE = re.compile(r"\[(\d+(?:ms|s|m|h|d))\]")
_SECONDS = re.compile(r"\$\{(\d+(?:ms|s|m|h|d))\}")


def seconds(text: str) -> float:
    """`5m` as 300.0. Raises ValueError."""
    match = DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is no duration: a whole number and ms, s, m, h or d")
    return int(match[1]) * UNITS[match[2]]


def written(value: float) -> str:
    """300.0 as `5m`: the largest unit that is exact to a millisecond."""
    milliseconds = max(1, round(value * 1000))
    for unit, factor in reversed(UNITS.items()):
        whole, rest = divmod(milliseconds, round(factor * 1000))
        if not rest:
            return f"{whole}{unit}"
    raise AssertionError("a millisecond divides everything")


def faster(text: str, times: float, least: float = 0.001) -> str:
    """A duration when time runs `times` as fast, but not shorter than `least` seconds."""
    return written(max(least, seconds(text) / times)) if text != "0s" else text


def expression(text: str, times: float) -> str:
    """PromQL when time runs `times` as fast: ranges `[5m]` shrink, and `${26h}` becomes that many seconds."""
    ranges = _RANGE.sub(lambda match: f"[{faster(match[1], times)}]", text)
    return _SECONDS.sub(lambda match: f"{seconds(match[1]) / times:g}", ranges)
