"""More like this: the words that tell most about a document, which are frequent in it and rare elsewhere."""

import math
from collections import Counter
from collections.abc import Mapping

from libs.index.folding import tokenize
from libs.index.parts import has_digit

MOST_TERMS = 20
MARKED_TERMS = 8
"""The most telling ones are marked in what is found."""
READ_CHARACTERS = 100_000
TITLE_WEIGHT = 3
SHORTEST = 3


def candidates(title: str, text: str) -> dict[str, int]:
    """The words that may tell most, and how often each is in the document: the frequent ones."""
    counted = Counter(tokenize(text[:READ_CHARACTERS]))
    for word in tokenize(title):
        counted[word] += TITLE_WEIGHT
    words = {word: count for word, count in counted.items() if len(word) >= SHORTEST and not has_digit(word)}
    return dict(Counter(words).most_common())


def telling(counted: Mapping[str, int], frequency: Mapping[str, int], documents: int) -> list[tuple[str, float]]:
    """The most telling of the words with their weights, heaviest first; those of no other document tell nothing."""
    weighted = [
        (word, (1 + math.log(count)) * math.log(1 + documents / frequency[word]))
        for word, count in counted.items()
        if frequency.get(word, 0) > 1
    ]
    return sorted(weighted, key=lambda pair: (-pair[1], pair[0]))[:MOST_TERMS]
