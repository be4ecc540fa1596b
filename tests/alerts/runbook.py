"""The commands of a page: its shell blocks."""

import re

from letterbox.local.home import REPOSITORY
from letterbox.monitoring.alerts import RUNBOOKS

_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    """All blocks of a page, by its path."""
    return _BLOCK.findall((REPOSITORY / page).read_text(encoding="utf-8"))


def commands(alert: str, heading: str) -> str:
    """The block under `## heading` of the page of `alert`."""
    page = (REPOSITORY / RUNBOOKS / f"{alert}.md").read_text(encoding="utf-8")
    section = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = _BLOCK.findall(section)
    assert len(found) == 1, f"{alert} has {len(found)} blocks under {heading}"
    return str(found[0])
