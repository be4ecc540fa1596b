"""Numbers and ids by part: `INV-2024-0815` is also found as `2024-0815`, `0815` or `INV20240815`.

For every piece of a text with a digit its endings are kept; a part is found as the beginning of an ending. Pieces that
only punctuation separates are also taken as one.
"""

import re

from libs.index.folding import words

SHORTEST, LONGEST = 3, 40
"""Characters of the parts that are found, and of the pieces that are taken apart."""
MOST = 20_000
"""Endings of one document; a table of a million numbers does not make a million more."""

_DIGIT = re.compile(r"\d")
_DIGITS, _ASCII_DIGITS = re.compile(r"\d+"), re.compile(r"[0-9]+")
_BREAKS = "\t\n\r\x0b\x0c"


def has_digit(word: str) -> bool:
    """Whether a word counts as a number or an id: such a one is no misspelling of another."""
    return _DIGIT.search(word) is not None


def by_part(word: str) -> bool:
    """Whether a searched word is also looked for inside longer ones."""
    return len(word) >= SHORTEST and has_digit(word)


def endings(*folded: str) -> set[str]:
    """Everything that the numbers and ids of these folded texts end with, themselves included."""
    found: set[str] = set()
    for text in folded:
        for piece in _pieces(text):
            found.update(_endings(words(piece)))
            if len(found) >= MOST:
                return found
    return found


def _pieces(folded: str) -> set[str]:
    """What stands between spaces and has a digit."""
    found: set[str] = set()
    digit, end = _ASCII_DIGITS if folded.isascii() else _DIGITS, -1
    for one in _BREAKS:
        folded = folded.replace(one, " ")
    for digits in digit.finditer(folded):
        if digits.start() < end:
            continue
        begin = folded.rfind(" ", 0, digits.start()) + 1
        end = folded.find(" ", digits.end())
        end = len(folded) if end < 0 else end
        found.add(folded[begin:end])
    return found


def _endings(tokens: list[str]) -> list[str]:
    whole = "".join(tokens)
    if len(whole) <= LONGEST:
        return [whole[n:] for n in range(len(whole) - SHORTEST + 1)]
    # A path or an address: its steps are no digits of one number.
    numbered = [token for token in tokens if _DIGIT.search(token) and len(token) <= LONGEST]
    return [token[n:] for token in numbered for n in range(len(token) - SHORTEST + 1)]
