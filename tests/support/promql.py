"""What a query asks for: the metrics in it, with the labels that it names. Prometheus itself checks the grammar."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

WORDS = {"by", "without", "on", "ignoring", "group_left", "group_right", "and", "or", "unless", "bool", "offset"}
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
RANGE = re.compile(r"\[[^\]]*\]")
CLAUSE = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"(?<![\w:.$])([a-zA-Z_:][\w:]*)(?![\w:])(?!\s*\()\s*(?:\{([^}]*)\})?")
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*("(?:[^"\\]|\\.)*")')


@dataclass(frozen=True)
class Selector:
    """One metric of a query."""

    metric: str
    matchers: dict[str, str]
    """Label and what it is compared with."""


@dataclass(frozen=True)
class Asked:
    """What a query names."""

    selectors: list[Selector]
    grouped: set[str]
    """Labels in `by (...)` and the like."""


def asked(expr: str) -> Asked:
    """What `expr` names."""
    grouped = {label.strip() for labels in CLAUSE.findall(expr) for label in labels.split(",") if label.strip()}
    bare = RANGE.sub("", CLAUSE.sub(" ", expr))
    return Asked(list(_selectors(bare)), grouped)


def _selectors(expr: str) -> Iterator[Selector]:
    kept: list[str] = []

    def keep(found: re.Match[str]) -> str:
        kept.append(found.group())
        return f"'{len(kept) - 1}'"

    without_strings = STRING.sub(keep, expr)
    for name, inside in SELECTOR.findall(without_strings):
        if name in WORDS:
            continue
        whole = re.sub(r"'(\d+)'", lambda found: kept[int(found[1])], inside or "")
        yield Selector(name, {label: text.strip('"') for label, _, text in MATCHER.findall(whole)})
