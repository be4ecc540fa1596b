"""Failpoints: places where a test lets a service die, so that it can prove that nothing is lost there.

`LETTERBOX_FAILPOINT` lists `<name>:<probability>`, separated by commas: `after-effect` (a handler has done its work,
its events are not published), `before-ack` (they are, the message is not acknowledged), `poison` (a handler is given a
message whose body holds POISON_WORD). A service that reaches one kills itself with SIGKILL. Unset, as in every real
installation, nothing is looked at.
"""

import os
import random
import signal

AFTER_EFFECT = "after-effect"
BEFORE_ACK = "before-ack"
POISON = "poison"
POISON_WORD = b"letterbox-poison"
"""What the body of a message must hold for the failpoint `poison`, e.g. as a file's content type or name."""


def _armed() -> dict[str, float]:
    listed = os.environ.get("LETTERBOX_FAILPOINT", "")
    pairs = (entry.partition(":") for entry in listed.split(",") if entry)
    return {name: float(probability or 1) for name, _, probability in pairs}


_ARMED = _armed()


def failpoint(name: str, body: bytes | None = None) -> None:
    """Die here if a test armed `name`; with a `body`, only for one that holds POISON_WORD."""
    if not _ARMED or name not in _ARMED:
        return
    if body is not None and POISON_WORD not in body:
        return
    if random.random() < _ARMED[name]:
        os.kill(os.getpid(), signal.SIGKILL)
