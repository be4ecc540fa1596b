"""How good a reading is: how much of its text looks like words."""

import re
import unicodedata
from collections.abc import Sequence

SAMPLES = 20
SAMPLE_CHARACTERS = 1000
LONGEST_WORD = 30
SHORT = 3
"""Words up to here need no vowel: abbreviations, which are longer in capitals."""
_VOWELS = frozenset("aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüýÿāēīōūąęıőű")
_NUMBER = re.compile(r"[+\-−#§]?\d[\d.,:/'’ \-–]*[%€$£°ªº]?[a-z]{0,3}", re.IGNORECASE)
_EDGES = "\"'’‘“”„«»‚‹›()[]{}<>.,;:!?¡¿…*_|/\\-–—+=#&%€$£§°•·@~^`、。，；：！？「」『』（）【】"
_JOINTS = re.compile(r"[-'’./@_+&:=,·–—\\()、。，；：！？·「」『』（）【】،؛؟]+")


def quality(pages: Sequence[str]) -> float:
    """The share of the text's visible characters that stand in what looks like a word or a number, from 0 to 1.

    At most 20 samples of 1000 characters, spread over the text, are split at spaces and at joints (hyphen, dot, @).
    A word is up to 30 letters, none of them unassigned or private, with a vowel when it is longer than three Latin
    letters (five capitals), and in lower, upper or title case. A letter alone counts half: bad readings are full of
    them. Scripts without cases or spaces (Chinese, Thai) count as words wherever they are letters.
    """
    text = " ".join(pages)
    if len(text) > SAMPLES * SAMPLE_CHARACTERS:
        step = len(text) // SAMPLES
        text = " ".join(text[start : start + SAMPLE_CHARACTERS] for start in range(0, step * SAMPLES, step))
    good = visible = 0.0
    for run in text.split():
        visible += len(run)
        good += _good(run)
    return round(good / visible, 3) if visible else 0.0


def _good(run: str) -> float:
    """How many of the characters of a run without spaces are good ones."""
    core = run.strip(_EDGES)
    edges = len(run) - len(core)
    if not core:
        return 0.5 if edges == 1 else 0.0
    if _NUMBER.fullmatch(core):
        return len(run)
    pieces = [piece for piece in _JOINTS.split(core) if piece]
    joints = len(core) - sum(map(len, pieces))
    good = sum(len(piece) * _word(piece) for piece in pieces)
    return good + (joints + edges if good >= len(core) / 2 else 0)


def _word(piece: str) -> float:
    """1 when it looks like a word, 0.5 when it is a letter alone, 0 otherwise."""
    if piece.isdigit():
        return 1.0
    if not all(character.isalpha() or unicodedata.category(character)[0] == "M" for character in piece):
        return 1.0 if piece.isalnum() and piece[-1].isdigit() and len(piece) <= 12 else 0.0
    lowered = piece.lower()
    if not lowered.isascii() and not _latin(lowered):
        return 1.0
    if len(piece) > LONGEST_WORD:
        return 0.0
    if not (piece == lowered or piece.isupper() or piece[1:] == lowered[1:]):
        return 0.5  # camelCase, or letters that were guessed
    if len(piece) == 1:
        return 0.5
    return 1.0 if len(piece) <= SHORT + 2 * piece.isupper() or any(letter in _VOWELS for letter in lowered) else 0.0


def _latin(text: str) -> bool:
    return all(ord(character) < 0x250 or 0x1E00 <= ord(character) < 0x1F00 for character in text)
