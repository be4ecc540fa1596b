"""Amounts of money in a text, found in one pass in linear time.

Recognised is a number with its currency directly before or behind it, with at most one space between:

- currencies: `€ $ £ ¥`, `US$`, the words euro(s), dollar(s), pound(s), franken, francs, zł, and the ISO codes in CODES;
- numbers: `99`, `1200`, `1.234,56`, `1,234.56`, `1 234,56`, `1'234.50`, `12,5`, `1200,-`. A last group of exactly
  three digits behind a point or comma is thousands (`1.200 €` is 1200, `0.200 €` is not), one or two are decimals.

Not recognised are numbers in words, amounts without a currency, and signs: a credit of `-5 €` is an amount of 5.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any

import re2

CODES = ("EUR", "USD", "GBP", "CHF", "JPY", "PLN", "SEK", "NOK", "DKK", "CZK", "HUF", "CAD", "AUD")
WORDS = {
    "euro": "EUR", "euros": "EUR", "dollar": "USD", "dollars": "USD", "pound": "GBP", "pounds": "GBP",
    "franken": "CHF", "francs": "CHF", **{code.lower(): code for code in CODES},
}  # fmt: skip
SYMBOLS = {"€": "EUR", "us$": "USD", "$": "USD", "£": "GBP", "¥": "JPY", "zł": "PLN"}
CURRENCIES = {**WORDS, **SYMBOLS}
MOST = 1000
"""Amounts looked at in one text."""
DIGITS_MOST = 15
SPACES = " \u00a0\u202f"
QUOTES = "'’"
BARE = re.compile("[.,][-–—]$")
"""What stands for no decimals: `1200,-`."""


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount, and the words that say it."""

    value: Decimal
    currency: str
    words: str


def amounts(text: str) -> Iterator[Amount]:
    """The amounts in `text`, in its order, up to MOST."""
    for count, match in enumerate(_pattern().finditer(text)):
        if count >= MOST:
            return
        before, first, second, behind = match.groups()
        value = _value(first or second)
        if value is not None:
            yield Amount(value, CURRENCIES[(before or behind).lower()], match.group().strip())


def _value(number: str) -> Decimal | None:
    """A number as it is written; None when it is none: `1.2.3`, or groups that are not thousands."""
    plain = BARE.sub("", number).translate(dict.fromkeys(map(ord, SPACES + QUOTES)))
    if sum(map(str.isdigit, plain)) > DIGITS_MOST:
        return None
    marks = [mark for mark in plain if mark in ".,"]
    if not marks:
        return Decimal(plain)
    whole, last, end = plain.rpartition(marks[-1])
    decimals = (len(end) in (1, 2) or whole == "0") and marks.count(last) == 1
    thousands = marks[:-1] if decimals else marks
    groups = re.split("[.,]", whole if decimals else plain)
    if len(set(thousands)) > 1 or any(len(group) != 3 for group in groups[1:]):
        return None
    return Decimal("".join(groups) + (f".{end}" if decimals else ""))


@cache
def _pattern() -> Any:
    """Compiled with the first text that is asked for amounts."""
    words, symbols = ("|".join(map(re2.escape, names)) for names in (WORDS, SYMBOLS))
    grouped = rf"[0-9]{{1,3}}(?:[{SPACES}{QUOTES}][0-9]{{3}})+(?:[.,][0-9]{{1,2}})?\b"
    number = rf"(?:{grouped}|[0-9]+(?:[.,][0-9]+)*)(?:[.,][-–—])?"
    before, behind = rf"\b(?:{words})|{symbols}", rf"(?:{words})\b|{symbols}"
    return re2.compile(rf"(?i)({before})[{SPACES}]?({number})|\b({number})[{SPACES}]?({behind})")
