"""Questions made from the documents they are to find; README.md states the rules."""

import re
import string
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from libs.index.protocol import IndexedDocument

PASSAGE_WORDS = 30
RARE_SHARE = 0.05
"""A word that is in more of the documents is not what anybody searches for."""
WORDS = 3
SHORTEST_WORD, SHORTEST_TYPO, SHORTEST_TWO_TYPOS = 4, 5, 9
PHRASE_WORDS = 4
PREFIX_SHARE, SHORTEST_PREFIX = 0.6, 3
NUMBER_CHARACTERS, PART_CHARACTERS, NUMBER_DOCUMENTS = 5, 4, 3
TRIES = 500

COUNTS = {"exact": 100, "one typo": 100, "two typos": 75, "prefix": 75, "phrase": 75, "number part": 75}

_WORD = re.compile(r"[A-Za-z]+")
_ANY = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, and the document that is meant."""

    kind: str
    words: str
    document_id: str


def questions(documents: Sequence[IndexedDocument], seed: int = 2, share: int = 1) -> list[Question]:
    """COUNTS of each kind, divided by `share`."""
    frequency = Counter(token for one in documents for token in {word.lower() for word in _ANY.findall(one.text)})
    maker = _Maker(frequency, RARE_SHARE * len(documents), Random(seed))
    rules: dict[str, Callable[[IndexedDocument], str | None]] = {
        "exact": maker.exact,
        "one typo": lambda one: maker.misspelt(one, 1, SHORTEST_TYPO),
        "two typos": lambda one: maker.misspelt(one, 2, SHORTEST_TWO_TYPOS),
        "prefix": maker.prefix,
        "phrase": maker.phrase,
        "number part": maker.number_part,
    }
    made = []
    for kind, count in COUNTS.items():
        wanted, left = count // share, TRIES * count
        while wanted and left:
            left -= 1
            document = maker.chance.choice(documents)
            words = rules[kind](document)
            if words is not None:
                made.append(Question(kind, words, document.document_id))
                wanted -= 1
        if wanted:
            raise RuntimeError(f"too few documents for questions of the kind {kind}")
    return made


class _Maker:
    """Makes one question of a document; None when it does not lend itself to one."""

    def __init__(self, frequency: Counter[str], most: float, chance: Random) -> None:
        self._frequency, self._most, self.chance = frequency, most, chance

    def exact(self, document: IndexedDocument) -> str | None:
        words = self._words(document)
        return " ".join(words) if words else None

    def misspelt(self, document: IndexedDocument, typos: int, shortest: int) -> str | None:
        """The same with one of the words misspelt."""
        words = self._words(document)
        long = [n for n, word in enumerate(words or ()) if len(word) >= shortest]
        if words is None or not long:
            return None
        place = self.chance.choice(long)
        word = words[place]
        for _ in range(typos):
            word = self._typo(word)
        if word == words[place]:
            return None
        return " ".join([*words[:place], word, *words[place + 1 :]])

    def prefix(self, document: IndexedDocument) -> str | None:
        """The same with the last word not yet typed to its end."""
        words = self._words(document)
        if words is None:
            return None
        typed = max(SHORTEST_PREFIX, int(len(words[-1]) * PREFIX_SHARE))
        return " ".join([*words[:-1], words[-1][:typed]])

    def phrase(self, document: IndexedDocument) -> str | None:
        """Words that follow each other, two of them rare, in quotes."""
        words = _ANY.findall(document.text)
        begin = self.chance.randrange(len(words))
        some = words[begin : begin + PHRASE_WORDS]
        rare = [word for word in some if self._rare(word)]
        return f'"{" ".join(some)}"' if len(some) == PHRASE_WORDS and len(rare) >= 2 else None

    def number_part(self, document: IndexedDocument) -> str | None:
        """A part of a number or an id, and a rare word."""
        numbers = [
            token
            for token in sorted({one for one in _ANY.findall(document.text) if any(c.isdigit() for c in one)})
            if NUMBER_CHARACTERS <= len(token) <= 20 and self._frequency[token.lower()] <= NUMBER_DOCUMENTS
        ]
        words = self._words(document)
        if not numbers or words is None:
            return None
        number = self.chance.choice(numbers)
        length = self.chance.randint(PART_CHARACTERS, len(number) - 1)
        begin = self.chance.randint(0, len(number) - length)
        part = number[begin : begin + length]
        return f"{words[0]} {part}" if any(c.isdigit() for c in part) else None

    def _words(self, document: IndexedDocument) -> list[str] | None:
        """Rare words of one passage, in their order."""
        words = _WORD.findall(document.text)
        if len(words) <= PASSAGE_WORDS:
            return None
        begin = self.chance.randrange(len(words) - PASSAGE_WORDS)
        rare = list(dict.fromkeys(w.lower() for w in words[begin : begin + PASSAGE_WORDS] if self._rare(w)))
        if len(rare) < WORDS:
            return None
        return [rare[n] for n in sorted(self.chance.sample(range(len(rare)), WORDS))]

    def _rare(self, word: str) -> bool:
        return len(word) >= SHORTEST_WORD and word.isalpha() and self._frequency[word.lower()] <= self._most

    def _typo(self, word: str) -> str:
        """One letter left out, added, exchanged or swapped with the next; never the first."""
        place = self.chance.randrange(1, len(word) - 1)
        letter = self.chance.choice(string.ascii_lowercase)
        before, after = word[:place], word[place:]
        return self.chance.choice(
            [
                before + after[1:],
                before + letter + after,
                before + letter + after[1:],
                before + after[1] + after[0] + after[2:],
            ]
        )
