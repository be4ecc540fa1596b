"""What hangs on a document and becomes a document of its own: files within limits, without decoration."""

import io
from dataclasses import dataclass, field

from PIL import Image

from services.indexer.extract.results import Limits, Member

DECORATION_BYTES = 2048
DECORATION_PIXELS = 150 * 150
"""An image within the text of a mail up to this size is a logo or an icon, not something that was sent."""
SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature"})


@dataclass(slots=True)
class Attached:
    """Files as they are found."""

    limits: Limits
    members: list[Member] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Names of files that somebody may miss."""
    _room: int = 0
    _left_out: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._room = self.limits.members_bytes

    def add(self, filename: str, content: bytes, *, inline: bool = False) -> None:
        """Take a file, or count why not."""
        if inline and _decoration(content):
            self._leave_out("decoration")
        elif not content:
            self._leave_out("empty")
        elif len(self.members) >= self.limits.members:
            self._leave_out("too many", filename)
        elif len(content) > self._room:
            self._leave_out("too large together", filename)
        else:
            self._room -= len(content)
            self.members.append(Member(filename[:255], content))

    def _leave_out(self, reason: str, missed: str = "") -> None:
        self._left_out[reason] = self._left_out.get(reason, 0) + 1
        if missed:
            self.left_out.append(missed[:255])

    def told(self) -> tuple[str, ...]:
        """What was taken and what was not, without names."""
        taken = (f"{len(self.members)} attached",) if self.members else ()
        return (*taken, *(f"{count} left out, {reason}" for reason, count in self._left_out.items()))


def _decoration(content: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(content)) as image:
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False
    return len(content) <= DECORATION_BYTES or width * height <= DECORATION_PIXELS
