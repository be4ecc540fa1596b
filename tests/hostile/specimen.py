"""What a hostile file is, and how reading it may end."""

from collections.abc import Callable, Set
from dataclasses import dataclass

READ = "read"
REASONS = frozenset({"broken", "encrypted", "empty", "no_text", "too_large", "too_slow", "unsupported"})
ANYHOW = REASONS | {READ}
REFUSED = frozenset({"too_large", "unsupported", "broken", "no_text"})
"""How a bomb may end: without being unpacked until time or memory run out."""
NOT_READ = REASONS - {"too_slow"}


@dataclass(frozen=True, slots=True)
class Specimen:
    """A hostile file."""

    name: str
    """With the ending a visitor would give it: one that lies, where that is the attack."""
    make: Callable[[], bytes]
    ends: Set[str] = ANYHOW
    never: str = ""
    """Words that must not be in what is read: what was fetched, executed, or is code."""
    bomb: bool = False
    """Its reader must notice before it has unpacked much."""
