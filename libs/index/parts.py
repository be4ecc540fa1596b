"""Numbers and ids by part: `INV-2024-0815` is also found as `2024-0815`, `0815` or `INV20240815`.

For every piece of a text with a digit its endings are kept; a part is found as the beginning of an ending. Pieces that
only punctuation separates are also taken as one.
"""

import re

from libs.index.folding import TOKEN, fold

SHORTEST, LONGEST = 3, 40
"""Characters of the parts that are found, and of the pieces that are taken apart."""
MOST = 20_000
"""Endings of one document; a table of a million numbers does not make a million more."""

_DIGIT = re.compile(r"\d")


def has_digit(word: str) -> bool:
    """Whether a word counts as a number or an id: such a one is no misspelling of another."""
    return _DIGIT.search(word) is not None


def by_part(word: str) -> bool:
    """Whether a searched word is also looked for inside longer ones."""
    return len(word) >= SHORTEST and has_digit(word)


def endings(*texts: str) -> set[str]:
    """Everything that the numbers and ids of these texts end with, themselves included."""
    found: set[str] = set()
    for text in texts:
        for piece in set(fold(text).split()):
            if piece.isalpha() or not _DIGIT.search(piece):
                continue
            found.update(_endings(TOKEN.findall(piece)))
            if len(found) >= MOST:
                return found
    return found


def _endings(tokens: list[str]) -> list[str]:
    whole = "".join(tokens)
    if len(whole) <= LONGEST:
        return [whole[n:] for n in range(len(whole) - SHORTEST + 1)]
    # A path or an address: its steps are no digits of one number.
    numbered = [token for token in tokens if _DIGIT.search(token) and len(token) <= LONGEST]
    return [token[n:] for token in numbered for n in range(len(token) - SHORTEST + 1)]
