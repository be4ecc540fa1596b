"""Times as documents write them, told in ISO 8601; what is no time becomes an empty string."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

_PDF = re.compile(r"D?:?\s*(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?\s*(?:([Zz])|([+-])(\d{2})'?(\d{2})?'?)?")
_FILETIME_BEGINS = datetime(1601, 1, 1, tzinfo=UTC)


def of_iso(text: str | None) -> str:
    """From ISO 8601 or a part of it, as XML properties have it."""
    try:
        return _told(datetime.fromisoformat((text or "").strip()[:40]))
    except ValueError:
        return ""


def of_pdf(text: str) -> str:
    """From PDF's `D:YYYYMMDDHHmmSSOHH'mm'` (ISO 32000-1, 7.9.4), whose end may be missing."""
    found = _PDF.match(text.strip()[:40])
    if found is None:
        return of_iso(text)
    year, month, day, hour, minute, second = (
        int(part or least) for part, least in zip(found.groups()[:6], "011000", strict=True)
    )
    zone = ""
    if found[7]:
        zone = "+00:00"
    elif found[8]:
        zone = f"{found[8]}{found[9]}:{found[10] or '00'}"
    return of_iso(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{min(second, 59):02}{zone}")


def of_mail(text: str) -> str:
    """From the date of a mail (RFC 5322)."""
    try:
        return _told(parsedate_to_datetime(text))
    except (ValueError, TypeError, IndexError, OverflowError):
        return ""


def of_filetime(ticks: int) -> str:
    """From Windows' count of 100 nanoseconds since 1601."""
    try:
        return _told(_FILETIME_BEGINS + timedelta(microseconds=ticks // 10))
    except OverflowError:
        return ""


def _told(time: datetime) -> str:
    return time.isoformat(timespec="seconds")
