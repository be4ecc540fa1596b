"""A page of hits in a total order, from an engine that leaves the order of equal hits to chance.

Equal hits are ordered by their ids. The engine already brings most of them apart (`tantivy_schema.TIE`); those that are
left are few, so a look at a few hits before and after the page is enough to know what belongs to it.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

SPARE = 16
"""Hits looked at on either side; grows while the equal ones go on."""
GROWTH = 8

Address = TypeVar("Address")
Document = TypeVar("Document")
Hits = Sequence[tuple[float, Address]]


def page(
    ask: Callable[[int, int], Hits[Address]],
    read: Callable[[Address], tuple[str, Document]],
    offset: int,
    limit: int,
) -> list[tuple[float, Document]]:
    """The hits from `offset` on with what each was ordered by. `ask(offset, limit)` gives the engine's own.

    `read` gives the id and the document of one.
    """
    begin, hits = _around(ask, offset, limit)
    first = offset - begin
    if first >= len(hits):
        return []
    last = min(first + limit, len(hits)) - 1
    while first and hits[first - 1][0] == hits[first][0]:
        first -= 1
    while last + 1 < len(hits) and hits[last + 1][0] == hits[last][0]:
        last += 1
    ordered: list[tuple[float, Document]] = []
    for key, equal in groupby(hits[first : last + 1], itemgetter(0)):
        some = sorted((read(address) for _, address in equal), key=itemgetter(0))
        ordered += [(key, document) for _, document in some]
    skipped = offset - begin - first
    return ordered[skipped : skipped + limit]


def _around(ask: Callable[[int, int], Hits[Address]], offset: int, limit: int) -> tuple[int, Hits[Address]]:
    """The engine's hits from some place before the page on, with all that are equal to the first and last of it."""
    spare = SPARE
    while True:
        begin = max(0, offset - spare)
        asked = offset - begin + limit + spare
        hits = ask(begin, asked)
        first = offset - begin
        if first >= len(hits):
            return begin, hits
        last = min(first + limit, len(hits)) - 1
        begun = begin == 0 or hits[0][0] != hits[first][0]
        ended = len(hits) < asked or hits[-1][0] != hits[last][0]
        if begun and ended:
            return begin, hits
        spare *= GROWTH
