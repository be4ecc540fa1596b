"""The encoding of a text: by its mark, by being valid UTF-8, or by which reading of its bytes makes a language.

Decoding single bytes never fails, so what is tried is judged: a reading counts as much as the language model is sure
of one of the languages that use the encoding, times how clean it is (letters where bytes are beyond ASCII, no capitals
within words, no mixed scripts).
"""

import codecs
import unicodedata
from itertools import pairwise

from libs.objects.sniff import utf16_without_mark
from services.indexer.language import guesses

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SAMPLE_BYTES = 4000
WEST = "de fr es it pt nl sv da no nn fi is en ca gl eu ga sq af id ms"
EAST = "pl cs sk hu ro hr sl bs sr sh sq de"
CYRILLIC = "ru uk bg be sr mk"
CANDIDATES = {
    "cp1252": WEST, "shift_jis": "ja", "euc_jp": "ja", "euc_kr": "ko", "gb18030": "zh", "big5": "zh",
    "cp1251": CYRILLIC, "koi8_r": "ru bg", "koi8_u": "uk ru", "cp866": "ru be uk", "iso8859_5": CYRILLIC,
    "cp1250": EAST, "iso8859_2": EAST, "cp1253": "el", "iso8859_7": "el", "cp1254": "tr az", "cp1255": "he",
    "cp1256": "ar fa ur", "cp1257": "lt lv et", "cp874": "th", "cp1258": "vi", "mac_roman": WEST,
    "mac_cyrillic": CYRILLIC,
    "utf_16_le": "ja zh ko", "utf_16_be": "ja zh ko",
}  # fmt: skip
"""Encodings that are tried, the likelier first, and the languages written in them."""
WIDE = ("utf_16_le", "utf_16_be")
WESTERN = b" abcdefghijklmnopqrstuvwxyz"
MOST_WESTERN = 0.3
COMMONEST = "cp1252"
BONUS = 1.05
"""How much better than the commonest encoding another has to be."""
LEAST_CLEAN = 0.3
SIGNS = frozenset("–—‘’“”„…€«»°§©®£´`·•¿¡、。，；：！？「」『』（）【】\u00a0№・ー")
"""What real texts have beyond ASCII that is no letter."""
CJK = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "FULLWIDTH"})
LATIN_ENDS = 0x250


def decoded(content: bytes) -> str:
    """The text, whatever its encoding; what cannot be decoded becomes U+FFFD."""
    return content.decode(encoding_of(content), errors="replace")


def encoding_of(content: bytes) -> str:
    """The encoding that the text is most likely in; Python's name of it."""
    for mark, encoding in MARKS:
        if content.startswith(mark):
            return encoding
    if b"\x00" in content[:SAMPLE_BYTES]:
        return utf16_without_mark(content[:SAMPLE_BYTES]) or "utf-16-le"
    if b"\x1b$" in content[:SAMPLE_BYTES]:
        return "iso2022_jp"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 4 and len(content) > 4:  # cut in the middle of a character by the limit
            return "utf-8"
    else:
        return "utf-8"
    return _likeliest(_telling(content))


def _telling(content: bytes) -> bytes:
    """The part around the first byte beyond ASCII, cut at line ends where there are some."""
    first = next((place for place, byte in enumerate(content) if byte > 0x7F), 0)
    begin = content.rfind(b"\n", 0, first) + 1
    begin = begin if first - begin < SAMPLE_BYTES // 2 else first
    sample = content[begin : begin + SAMPLE_BYTES]
    end = sample.rfind(b"\n") if len(sample) == SAMPLE_BYTES else -1
    return sample[:end] if end > SAMPLE_BYTES // 2 else sample


def _likeliest(sample: bytes) -> str:
    best, most = COMMONEST, 0.0
    for encoding, languages in CANDIDATES.items():
        text = _strictly(sample, encoding)
        clean = _clean(text) if text else 0.0
        if clean < LEAST_CLEAN:
            continue
        known = [score for language, score in guesses(text) if language in languages.split()]
        score = clean * max(known, default=0.0) * (BONUS if encoding == COMMONEST else 1.0)
        if score > most:
            best, most = encoding, score
    return best


def _strictly(sample: bytes, encoding: str) -> str:
    """The sample decoded, or nothing when it cannot be in this encoding."""
    if encoding in WIDE and sum(map(sample.count, WESTERN)) > MOST_WESTERN * len(sample):
        return ""  # two letters of a western text are also a rare Chinese sign
    try:
        text = sample.decode(encoding)
    except UnicodeError as error:
        if not isinstance(error, UnicodeDecodeError) or error.start < len(sample) - 4:
            return ""
        text = sample[: error.start].decode(encoding)  # the sample ends within a character
    return "" if any("\x80" <= character < "\xa0" for character in text) else text


def _clean(text: str) -> float:
    """1 when all that is beyond ASCII looks right, less the more does not."""
    beyond = [character for character in text if character > "\x7f"]
    wrong = sum(not (c.isalpha() or unicodedata.category(c)[0] == "M" or c in SIGNS) for c in beyond)
    for before, after in pairwise(text):
        if before.isalpha() and after.isalpha():
            wrong += (before.islower() and after.isupper()) + (_script(before) != _script(after))
    return max(0.0, 1 - 2 * wrong / max(1, len(beyond)))


def _script(letter: str) -> str:
    if ord(letter) < LATIN_ENDS:
        return "LATIN"
    name = unicodedata.name(letter, "").partition(" ")[0]
    return "CJK" if name in CJK else name
