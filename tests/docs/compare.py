"""Whether what a command printed has the shape of what its page shows.

White space does not count (pages wrap long lines), and what differs each time does not: ids, times, keys, and numbers,
of which only 0 and an HTTP status are told from others. `…` stands for anything.
"""

import re
from collections.abc import Iterable

ANYTHING = "…"
WILD = "\ufffc"
"""Stands for `…` while a text is simplified: nobody prints it."""
VARYING = (
    (r"lbx_[\w-]*", "‹key›"),
    (r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ", "‹time›"),
    (r"\d{4}-\d\d-\d\d[T ]?\d\d:\d\d(:\d\d(\.\d+)?)?(Z|UTC|[+-]\d\d:?\d\d)?", "‹time›"),
    (r"\d{4}-\d\d-\d\d", "‹day›"),
    (r"\b\d\d:\d\d(:\d\d(\.\d+)?)?\b", "‹time›"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "‹id›"),
    (r"(?<![0-9a-f])[0-9a-f]{16,64}(?![0-9a-f])", "‹id›"),
    (
        r"HTTP/[\d.]+ (\d)(\d)(\d)",
        lambda found: "HTTP " + "".join(chr(0x2460 + int(digit)) for digit in found.groups()),
    ),
    (r"\d+([.,]\d+)*", lambda found: "‹0›" if not found[0].strip("0.,") else "‹number›"),
)


def has_shape(expected: str, printed: str, *, in_any_order: bool = False) -> bool:
    """Whether `printed` looks like `expected`; in any order, each line of `expected` must be found somewhere."""
    text = _simple(printed)
    if in_any_order:
        return all(re.search(_pattern(line), text, re.DOTALL) for line in expected.splitlines() if line.strip())
    return re.fullmatch(_pattern(expected), text, re.DOTALL) is not None


def first_difference(expected: str, printed: str) -> str:
    """For people: the first line of `expected` up to which `printed` has its shape, and no further."""
    lines, text = expected.splitlines(), _simple(printed)
    for number in range(1, len(lines) + 1):
        if not re.match(_pattern("\n".join(lines[:number])), text, re.DOTALL):
            return f"line {number} of what the page shows: {lines[number - 1]}"
    return "more was printed than the page shows"


def _pattern(expected: str) -> str:
    shortened = re.sub(rf"\b[0-9a-f]{{3,}}{ANYTHING}", ANYTHING, expected)
    return ".*?".join(re.escape(part) for part in _simple(shortened.replace(ANYTHING, WILD)).split(WILD))


def _simple(text: str) -> str:
    for pattern, stand_in in VARYING:
        text = re.sub(pattern, stand_in, text)
    return "".join(_words(text))


def _words(text: str) -> Iterable[str]:
    return text.split()
