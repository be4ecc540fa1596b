"""What a running stack has written down of itself: read by `status`, `down` and a second `up`."""

import contextlib
import json
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from letterbox.local.home import Home
from letterbox.local.names import ALL, SERVERS
from letterbox.local.process import Identity

STATE = "stack.json"
LAUNCHER_SECONDS = 45.0


@dataclass(frozen=True, slots=True)
class KnownPart:
    """A part as it was written down."""

    name: str
    identity: Identity
    address: str
    health: str
    stop: signal.Signals
    seconds_to_stop: float
    restarts: int


@dataclass(frozen=True, slots=True)
class State:
    """A stack as it was written down."""

    launcher: Identity
    gateway_port: int
    parts: dict[str, KnownPart]

    def end(self) -> None:
        """End the launcher, which ends its parts; then what it left behind if it had crashed."""
        self.launcher.end(signal.SIGTERM, LAUNCHER_SECONDS)
        for group in ([name for name in self.parts if name not in SERVERS], list(self.parts)):
            left = [self.parts[name] for name in group if self.parts[name].identity.runs()]
            with ThreadPoolExecutor(max_workers=len(ALL)) as pool:
                list(pool.map(lambda part: part.identity.end(part.stop, part.seconds_to_stop), left))


def read_state(home: Home) -> State | None:
    """The state of the stack in `home`; None when none was started there or it was stopped."""
    file = home.path / STATE
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    parts = {
        name: KnownPart(
            name,
            Identity(part["pid"], part["started"]),
            part["address"],
            part["health"],
            signal.Signals(part["stop"]),
            part["seconds_to_stop"],
            part["restarts"],
        )
        for name, part in known["parts"].items()
    }
    return State(Identity(**known["launcher"]), known["gateway_port"], parts)


def forget_state(home: Home) -> None:
    """Remove what was written down."""
    with contextlib.suppress(FileNotFoundError):
        (home.path / STATE).unlink()
