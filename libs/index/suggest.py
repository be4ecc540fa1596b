"""Other questions for when nothing is found; each is tried before it is suggested."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from libs.index.folding import tokenize
from libs.index.protocol import MOST_SUGGESTIONS
from libs.index.words import pieces

MOST_TRIED = 10
MOST_PIECES = 8
NEAREST = 3
"""Words of the index that are tried in the place of one that it does not have."""

Total = Callable[[str], Awaitable[int]]
Nearest = Callable[[str], Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Piece:
    """A word or a phrase of the question, and how much it finds alone."""

    text: str
    total: int


async def suggestions(question: str, total: Total, nearest: Nearest) -> tuple[str, ...]:
    """Up to MOST_SUGGESTIONS questions that find something: as close to `question` as there are.

    `total` says how many a question finds, `nearest` which words of the index are spelt like one.
    """
    asked = pieces(question)[:MOST_PIECES]
    wanted = [Piece(text, await total(text)) for text in asked if not text.startswith("-")]
    excluded = [text for text in asked if text.startswith("-")]
    instead = {one.text: await nearest(one.text) for one in wanted if not one.total and not one.text.startswith('"')}
    found: list[str] = []
    tried = {question.strip()}
    for candidate in _candidates(wanted, excluded, instead):
        if candidate in tried or not candidate:
            continue
        if len(found) == MOST_SUGGESTIONS or len(tried) > MOST_TRIED:
            break
        tried.add(candidate)
        if await total(candidate):
            found.append(candidate)
    return tuple(found)


def closest(word: str, known: Iterable[tuple[str, int]]) -> list[str]:
    """Of the known words with their frequencies those that `word` may be a misspelling of, best first."""
    frequency = dict(known)
    cutoff = max(2, len(word) // 3)
    near = process.extract(word, list(frequency), scorer=OSA.distance, score_cutoff=cutoff, limit=50)
    ranked = sorted(near, key=lambda one: (one[1], -frequency[one[0]], one[0]))
    return [text for text, _, _ in ranked if text != word][:NEAREST]


def _candidates(wanted: list[Piece], excluded: list[str], instead: dict[str, list[str]]) -> Iterator[str]:
    alive = [one.text for one in wanted if one.total]
    for number in range(NEAREST):  # what is not known, as it may have been meant
        respelt = [_at(instead.get(one.text, []), number, one.text) for one in wanted]
        yield " ".join(respelt + excluded)
    yield " ".join([*(one.text.strip('"') for one in wanted), *excluded])  # without quotes
    if len(alive) < len(wanted):
        yield " ".join(alive + excluded)
    if excluded and alive:
        yield " ".join(alive)
    for left_out in sorted(wanted, key=lambda one: -one.total):  # all but one
        yield " ".join([one.text for one in wanted if one is not left_out] + excluded)
    for alone in sorted((one for one in wanted if one.total), key=lambda one: one.total):
        yield " ".join([alone.text, *excluded])


def _at(words: list[str], number: int, otherwise: str) -> str:
    return words[min(number, len(words) - 1)] if words else otherwise


def splits(word: str) -> Iterator[tuple[str, str]]:
    """The ways to take a word for two that were written together."""
    text = "".join(tokenize(word))
    for cut in range(3, len(text) - 2):
        yield text[:cut], text[cut:]
