"""Measures nothing: put before PYTHONPATH of a service, it is the baseline that metrics are compared with."""

from prometheus_client import Counter, Gauge, Histogram


def _nothing(*_: object, **__: object) -> None:
    """Count nothing."""


for kind, names in ((Counter, ("inc",)), (Gauge, ("inc", "dec", "set")), (Histogram, ("observe",))):
    for name in names:
        setattr(kind, name, _nothing)
