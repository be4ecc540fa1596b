"""Highlights: the passage with the most of the searched words, those words marked, misspelt ones too."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from libs.index.protocol import MARK_BEGIN, MARK_END, clean
from libs.index.words import Word, fold

PASSAGE_CHARACTERS = 200
LOOKED_AT_CHARACTERS = 400_000
"""How much of a text is looked at for its best passage; bounds the time."""

_TOKEN = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Match:
    """Where a searched word is."""

    begin: int
    end: int
    word: int


def highlight(text: str, words: Sequence[Word]) -> str:
    """The best passage of `text` with its matches marked, or an empty string when no word is in it."""
    text = clean(text[:LOOKED_AT_CHARACTERS])
    matches = list(_matches(text, words))
    if not matches:
        return ""
    first, last = _densest(matches)
    begin, end = _around(text, matches[first].begin, matches[last].end)
    return _marked(text, begin, end, [match for match in matches if match.begin >= begin and match.end <= end])


def opening(text: str) -> str:
    """The beginning of a text, for when nothing was searched for."""
    text = " ".join(clean(text[: PASSAGE_CHARACTERS * 3]).split())
    return text if len(text) <= PASSAGE_CHARACTERS else text[:PASSAGE_CHARACTERS].rsplit(" ", 1)[0] + " …"


def _matches(text: str, words: Sequence[Word]) -> Iterator[Match]:
    known: dict[str, int] = {}
    for found in _TOKEN.finditer(text):
        token = found.group()
        word = known.get(token)
        if word is None:
            word = known[token] = _which(fold(token), words)
        if word >= 0:
            yield Match(found.start(), found.end(), word)


def _which(token: str, words: Sequence[Word]) -> int:
    """The number of the searched word that `token` matches, exact ones first; -1 for none."""
    for number, word in enumerate(words):
        if token == word.text or (word.prefix and token.startswith(word.text)):
            return number
    for number, word in enumerate(words):
        if word.typos and _alike(token, word):
            return number
    return -1


def _alike(token: str, word: Word) -> bool:
    if OSA.distance(token, word.text, score_cutoff=word.typos) <= word.typos:
        return True
    if not word.prefix:
        return False
    lengths = range(len(word.text) - word.typos, len(word.text) + word.typos + 1)
    return any(OSA.distance(token[:length], word.text, score_cutoff=word.typos) <= word.typos for length in lengths)


def _densest(matches: Sequence[Match]) -> tuple[int, int]:
    """First and last of the matches within one passage that has the most different words, then the most matches."""
    best, best_first, best_last, first = (0, 0), 0, 0, 0
    counts: dict[int, int] = {}
    for last, match in enumerate(matches):
        counts[match.word] = counts.get(match.word, 0) + 1
        while match.end - matches[first].begin > PASSAGE_CHARACTERS and first < last:
            left = matches[first].word
            counts[left] -= 1
            if not counts[left]:
                del counts[left]
            first += 1
        score = (len(counts), last - first)
        if score > best:
            best, best_first, best_last = score, first, last
    return best_first, best_last


def _around(text: str, begin: int, end: int) -> tuple[int, int]:
    """Widen a span to a passage that begins and ends between words."""
    spare = max(0, PASSAGE_CHARACTERS - (end - begin)) // 2
    left, right = max(0, begin - spare), min(len(text), end + spare)
    if left:
        space = text.find(" ", left, begin)
        left = space + 1 if space >= 0 else begin
    if right < len(text):
        space = text.rfind(" ", end, right)
        right = space if space >= 0 else end
    return left, right


def _marked(text: str, begin: int, end: int, matches: Sequence[Match]) -> str:
    pieces, position = [], begin
    for match in matches:
        pieces += [text[position : match.begin], MARK_BEGIN, text[match.begin : match.end], MARK_END]
        position = match.end
    passage = " ".join("".join([*pieces, text[position:end]]).split())
    return ("… " if begin else "") + passage + (" …" if end < len(text) else "")
