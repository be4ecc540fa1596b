"""A question's words: phrases, exclusions, and how many typos each word may have. The user's text is never code."""

import re
import unicodedata
from dataclasses import dataclass

ONE_TYPO_FROM, TWO_TYPOS_FROM = 4, 8
MOST_WORDS = 20

_TOKEN = re.compile(r"[^\W_]+")
_PIECE = re.compile(r'(-?)(?:"([^"]*)"?|(\S+))')


@dataclass(frozen=True, slots=True)
class Word:
    """One word to be found, folded."""

    text: str
    typos: int
    prefix: bool
    """Whether it may be the beginning of a longer word."""


@dataclass(frozen=True, slots=True)
class Words:
    """A question taken apart."""

    words: tuple[Word, ...] = ()
    phrases: tuple[tuple[str, ...], ...] = ()
    excluded: tuple[tuple[str, ...], ...] = ()

    @property
    def units(self) -> int:
        """How many things must be found at once."""
        return len(self.words) + len(self.phrases)

    def searched(self) -> tuple[Word, ...]:
        """Every word that a highlight may mark."""
        return self.words + tuple(Word(text, 0, prefix=False) for phrase in self.phrases for text in phrase)


def parse(question: str) -> Words:
    """Take a question apart; whatever is typed, something sensible comes out."""
    words: list[str] = []
    phrases: list[tuple[str, ...]] = []
    excluded: list[tuple[str, ...]] = []
    last_is_word = False
    for minus, phrase, word in _PIECE.findall(question):
        tokens = tuple(tokenize(phrase or word))
        if not tokens:
            continue
        last_is_word = False
        if minus:
            excluded.append(tokens)
        elif phrase:
            phrases.append(tokens)
        else:
            words += tokens
            last_is_word = True
    words = words[:MOST_WORDS]
    last = len(words) - 1
    return Words(
        tuple(Word(text, typos(text), prefix=last_is_word and n == last) for n, text in enumerate(words)),
        tuple(phrases[:MOST_WORDS]),
        tuple(excluded[:MOST_WORDS]),
    )


def tokenize(text: str) -> list[str]:
    """The folded words of a text, as the index has them."""
    return [fold(token) for token in _TOKEN.findall(text)]


def fold(token: str) -> str:
    """A word without case and accents."""
    if token.isascii():
        return token.lower()
    decomposed = unicodedata.normalize("NFKD", token.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def typos(word: str) -> int:
    """How many typos a word may have; one with a digit none."""
    if len(word) < ONE_TYPO_FROM or any(character.isdigit() for character in word):
        return 0
    return 1 if len(word) < TWO_TYPOS_FROM else 2
