"""Letters as they are compared: without case, accents and the differences that people do not type.

Two spellings that fold to the same are the same word everywhere: in the index, in questions, in highlights.
"""

import re
import unicodedata
from functools import lru_cache

SAME = {
    "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ħ": "h", "ı": "i", "ŧ": "t",
    "ŋ": "n", "ĸ": "k", "ς": "σ", "ـ": "", "ى": "ي", "ک": "ك", "ی": "ي",
}  # fmt: skip
"""Letters that Unicode does not take apart, and as what people look for them."""

_UNBROKEN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and Han
)
"""Scripts that put no space between words: each of their characters counts as a word, a run of them as a phrase."""
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u064b-\u065f\u0670\u0900-\u0903\u093a-\u094f\u0981-\u0983\u09bc-\u09cd"
)
"""What stands on, under or behind a letter and is part of its word."""

TOKEN = re.compile(rf"[{_UNBROKEN}]|(?:[^\W_{_UNBROKEN}]|[{_MARKS}])+")
"""A word in a text, folded or not."""
_PLAIN = re.compile(r"[^\W_]+")
_SPECIAL = re.compile(rf"[{_UNBROKEN}{_MARKS}]")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_SPACES = str.maketrans({chr(code): chr(code) if chr(code).isalnum() else " " for code in range(128)})
"""All of ASCII: what is missing in such a table costs an exception for each text."""
_KEPT = "゙゚"
"""They make other consonants of Japanese ones, and are no accents."""
_RUN = re.compile(rf"[{_UNBROKEN}]")


def fold(text: str) -> str:
    """`text` as it is compared; of what is between its words at least a space stays."""
    if text.isascii():
        return text.lower()
    return _FOREIGN.sub(lambda run: _fold(run.group()), text.lower())


def aligned(text: str) -> str:
    """`text` folded as far as every character keeps its place; what would not keep it stays as it is."""
    if text.isascii():
        return text.lower()
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return _FOREIGN.sub(lambda run: _in_place(run.group()), lowered)


def tokenize(text: str) -> list[str]:
    """The folded words of a text."""
    return words(fold(text))


def spaced(folded: str) -> str:
    """The words of a text that is folded already with a space between each, as the embedded index takes them."""
    return folded.translate(_SPACES) if folded.isascii() else " ".join(words(folded))


def distinct(folded: str) -> set[str]:
    """The different words of a text that is folded already."""
    return set(folded.translate(_SPACES).split() if folded.isascii() else words(folded))


def unbroken(token: str) -> bool:
    """Whether a token is a character of a script without spaces."""
    return len(token) == 1 and _RUN.match(token) is not None


def respelt(text: str) -> str:
    """`text` in lower case with the letters in SAME exchanged, and nothing else changed."""
    return text if text.isascii() else _FOREIGN.sub(lambda run: _exchange(run.group()), text.lower())


def words(folded: str) -> list[str]:
    """The words of a text that is folded already, in their order."""
    return (TOKEN if _SPECIAL.search(folded) else _PLAIN).findall(folded)


def respellings(*texts: str) -> set[str]:
    """The words of these texts that have a letter in SAME, with those letters exchanged."""
    found: set[str] = set()
    for text in texts:
        if not text.isascii():
            found.update(respelt(word) for word in set(TOKEN.findall(text.lower())) if _exchange(word) != word)
    return found


@lru_cache(20_000)
def _fold(run: str) -> str:
    apart = unicodedata.normalize("NFKD", _exchange(run).casefold())
    bare = "".join(c for c in apart if c in _KEPT or not unicodedata.combining(c))
    return "".join(c if c.isalnum() or _SPECIAL.match(c) else " " for c in unicodedata.normalize("NFC", bare))


@lru_cache(20_000)
def _in_place(run: str) -> str:
    return "".join(folded if len(folded := _fold(one)) == 1 else one for one in run)


def _exchange(run: str) -> str:
    return "".join(SAME.get(character, character) for character in run)
