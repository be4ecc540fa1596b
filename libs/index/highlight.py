"""Highlights: the passage with the most of the searched words, those words marked, misspelt ones too."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA

from libs.index.folding import TOKEN, aligned, distinct, fold, unbroken
from libs.index.parts import by_part
from libs.index.protocol import MARK_BEGIN, MARK_END, clean
from libs.index.words import Word

PASSAGE_CHARACTERS = 200
MOST_MATCHES = 20_000
"""Of one word in one text; bounds the time."""
MOST_ALIKE = 20
"""Different misspellings that are marked of one word."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where a searched word is."""

    begin: int
    end: int
    word: int


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a text with marks, and where in the text the first of them is."""

    text: str
    at: int


def highlight(text: str, words: Sequence[Word]) -> Passage | None:
    """The best passage of `text` with its matches marked; None when no word is in it."""
    matches = sorted(_matches(text, words), key=lambda match: (match.begin, -match.end))
    if not matches:
        return None
    first, last = _densest(matches)
    begin, end = _around(text, matches[first].begin, matches[last].end)
    inside = [match for match in matches if match.begin >= begin and match.end <= end]
    return Passage(_marked(text, begin, end, inside), matches[first].begin)


def opening(text: str) -> str:
    """The beginning of a text, for when nothing was searched for."""
    text = " ".join(clean(text[: PASSAGE_CHARACTERS * 3]).split())
    return text if len(text) <= PASSAGE_CHARACTERS else text[:PASSAGE_CHARACTERS].rsplit(" ", 1)[0] + " …"


def page_of(at: int, page_ends: Sequence[int]) -> int | None:
    """The page, counted from 1, of a place in a text whose pages end at `page_ends`; None when it has just one."""
    if len(page_ends) < 2:
        return None
    return min(bisect_right(page_ends, at), len(page_ends) - 1) + 1


def _matches(text: str, words: Sequence[Word]) -> Iterator[Match]:
    folded, spelt = aligned(text), None
    for number, word in enumerate(words):
        found = list(_places(folded, word.text, word, number))
        if not found and (word.typos or not folded.isascii()):
            # This text spells it otherwise: find out how, and then where.
            spelt = _spellings(folded) if spelt is None else spelt
            whole = Word(word.text, 0, prefix=False)
            found = [match for one in _near(word, spelt) for match in _places(folded, one, whole, number)]
        yield from found


def _places(text: str, spelling: str, word: Word, number: int) -> Iterator[Match]:
    """Where `spelling` is in `text` as a word, or as the part of one that may be searched for."""
    inside, position = by_part(word.text), 0
    free = unbroken(spelling)
    for _ in range(MOST_MATCHES):
        begin = text.find(spelling, position)
        if begin < 0:
            return
        position = end = begin + len(spelling)
        if not free:
            if begin and text[begin - 1].isalnum() and not inside and not unbroken(text[begin - 1]):
                continue
            if end < len(text) and text[end].isalnum() and not unbroken(text[end]):
                if not (word.prefix or inside):
                    continue
                begin, end = _whole(text, begin, end)
        yield Match(begin, end, number)


def _whole(text: str, begin: int, end: int) -> tuple[int, int]:
    """The word that a part belongs to."""
    rest = TOKEN.match(text, end)
    return begin, rest.end() if rest else end


def _spellings(folded: str) -> dict[str, list[str]]:
    """The different words of a text as they are in it, by what they are compared as."""
    spelt: dict[str, list[str]] = {}
    for token in distinct(folded):
        spelt.setdefault(token if token.isascii() else fold(token), []).append(token)
    return spelt


def _near(word: Word, spelt: dict[str, list[str]]) -> list[str]:
    """How the searched word is written in a text: exactly or as a beginning, otherwise with its typos."""
    same = [folded for folded in spelt if folded == word.text or (word.prefix and folded.startswith(word.text))]
    if not same and by_part(word.text):
        same = [folded for folded in spelt if word.text in folded]
    if not same and word.typos:
        same = list(dict.fromkeys(_alike(word, list(spelt))))[:MOST_ALIKE]
    return [spelling for folded in same for spelling in spelt[folded]]


def _alike(word: Word, known: list[str]) -> Iterator[str]:
    lengths: tuple[int | None, ...] = (None,)
    if word.prefix:
        lengths += tuple(range(len(word.text) - word.typos, len(word.text) + word.typos + 1))
    for length in lengths:
        beginnings = known if length is None else [one[:length] for one in known]
        near = process.extract(word.text, beginnings, scorer=OSA.distance, score_cutoff=word.typos, limit=MOST_ALIKE)
        yield from (known[place] for _, _, place in near)


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
    """The passage with a pair of marks around each match, and around matches that touch each other."""
    pieces, position, open_until = [], begin, -1
    for match in matches:
        if match.end <= position and open_until >= 0:
            continue
        if match.begin > open_until:
            pieces += [MARK_END] if open_until >= 0 else []
            pieces += [clean(text[position : match.begin]), MARK_BEGIN]
            position = match.begin
        pieces.append(clean(text[position : match.end]))
        position = open_until = match.end
    pieces += [MARK_END] if open_until >= 0 else []
    passage = " ".join("".join([*pieces, clean(text[position:end])]).split())
    return ("… " if begin else "") + passage + (" …" if end < len(text) else "")
