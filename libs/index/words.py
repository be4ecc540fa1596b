"""A question's words: phrases, exclusions, and how many typos each word may have. The user's text is never code."""

import re
from dataclasses import dataclass

from libs.index.folding import tokenize, unbroken
from libs.index.parts import has_digit

ONE_TYPO_FROM, TWO_TYPOS_FROM = 4, 8
MOST_WORDS = 20

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
            broken, runs = _runs(tokens)
            phrases += runs
            words += broken
            last_is_word = bool(broken) and broken[-1] == tokens[-1]
    words = words[:MOST_WORDS]
    last = len(words) - 1
    return Words(
        tuple(Word(text, typos(text), prefix=last_is_word and n == last) for n, text in enumerate(words)),
        tuple(phrases[:MOST_WORDS]),
        tuple(excluded[:MOST_WORDS]),
    )


def pieces(question: str) -> list[str]:
    """What a question is made of, as it was typed: words, phrases with their quotes, exclusions with their minus."""
    found = []
    for minus, phrase, word in _PIECE.findall(question):
        if tokenize(phrase or word):
            found.append(minus + (f'"{phrase}"' if phrase else word))
    return found


def typos(word: str) -> int:
    """How many typos a word may have; one with a digit none."""
    if len(word) < ONE_TYPO_FROM or has_digit(word):
        return 0
    return 1 if len(word) < TWO_TYPOS_FROM else 2


def _runs(tokens: tuple[str, ...]) -> tuple[list[str], list[tuple[str, ...]]]:
    """The words among the tokens, and the runs of characters of scripts that put no space between words."""
    words: list[str] = []
    runs: list[tuple[str, ...]] = []
    run: list[str] = []
    for token in tokens:
        if unbroken(token):
            run.append(token)
            continue
        if run:
            runs.append(tuple(run))
            run = []
        words.append(token)
    return words, [*runs, tuple(run)] if run else runs
