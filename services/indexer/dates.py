"""Dates in a text, found in one pass in linear time.

Recognised are `2026-11-03`, `3.11.2026`, `03/11/2026` (the day first, unless only the month first makes a date),
`3. November 2026`, `3rd November 2026`, `3 de noviembre de 2026`, `November 3, 2026`, with the names of the months and
their usual abbreviations in English, German, French and Spanish. Years are those from 1900 to 2199, in four digits.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

import re2

MONTHS = {
    1: "january jan januar jänner janvier janv enero ene",
    2: "february feb februar février févr febrero",
    3: "march mar märz mrz mars marzo",
    4: "april apr avril avr abril abr",
    5: "may mai mayo",
    6: "june jun juni juin junio",
    7: "july jul juli juillet juil julio",
    8: "august aug août agosto ago",
    9: "september sep sept septembre septiembre",
    10: "october oct oktober okt octobre octubre",
    11: "november nov novembre noviembre",
    12: "december dec dezember dez décembre déc diciembre dic",
}
NUMBERS = {name: number for number, names in MONTHS.items() for name in names.split()}
DAY_FIRST = 1
"""The second of the pattern's forms: digits alone, which may also have the month first."""
MOST = 1000
"""Dates looked at in one text."""


@dataclass(frozen=True, slots=True)
class Found:
    """A date, and the words that say it."""

    day: date
    words: str


def dates(text: str) -> Iterator[Found]:
    """The dates in `text`, in its order, up to MOST."""
    for count, match in enumerate(_pattern().finditer(text)):
        if count >= MOST:
            return
        day = _day(match.groups())
        if day is not None:
            yield Found(day, match.group())


def _day(groups: tuple[str | None, ...]) -> date | None:
    """From what the pattern has found; None for the 31st of February."""
    for place, (year, month, day) in enumerate((groups[0:3], groups[5:2:-1], groups[8:5:-1], _turned(groups[9:12]))):
        if year is None or month is None or day is None:
            continue
        number = NUMBERS.get(month.lower()) or int(month)
        found = _made(int(year), number, int(day))
        return _made(int(year), int(day), number) if found is None and place == DAY_FIRST else found
    return None


def _turned(groups: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Year, month, day from month, day, year."""
    return groups[2], groups[0], groups[1]


def _made(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@cache
def _pattern() -> Any:
    """Compiled with the first text that is asked for dates."""
    year, number = "((?:19|20|21)[0-9]{2})", "([0-9]{1,2})"
    names = "|".join(re.escape(name) for name in sorted(NUMBERS, key=len, reverse=True))
    forms = (
        rf"{year}-{number}-{number}",
        rf"{number}[./]\s?{number}[./]\s?{year}",
        rf"{number}(?:\.|st|nd|rd|th|er)?\s+(?:de\s+)?({names})\.?,?\s+(?:de\s+)?{year}",
        rf"({names})\.?\s+{number}(?:st|nd|rd|th)?,?\s+{year}",
    )
    return re2.compile(rf"(?i)\b(?:{'|'.join(forms)})\b")
