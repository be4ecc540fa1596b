"""The rules file: what a rule is made of, and how a file that cannot be used is refused in one sentence."""

import hashlib
import tomllib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

DEFAULT_RULES = Path(__file__).parent / "rules.toml"
OFFICE = "application/vnd.openxmlformats-officedocument"
OPEN = "application/vnd.oasis.opendocument"
SHORT_NAMES = {
    "pdf": ("application/pdf",),
    "docx": (f"{OFFICE}.wordprocessingml.document",),
    "xlsx": (f"{OFFICE}.spreadsheetml.sheet",),
    "pptx": (f"{OFFICE}.presentationml.presentation",),
    "odt": (f"{OPEN}.text",),
    "ods": (f"{OPEN}.spreadsheet",),
    "odp": (f"{OPEN}.presentation",),
    "rtf": ("application/rtf",),
    "epub": ("application/epub+zip",),
    "html": ("text/html",),
    "text": ("text/plain", "text/markdown"),
    "csv": ("text/csv",),
    "mail": ("message/rfc822", "application/vnd.ms-outlook"),
    "image": ("image/*",),
    "word": (f"{OFFICE}.wordprocessingml.document", f"{OPEN}.text", "application/msword", "application/rtf"),
    "spreadsheet": (f"{OFFICE}.spreadsheetml.sheet", f"{OPEN}.spreadsheet", "application/vnd.ms-excel", "text/csv"),
}
"""What `content_types` may say instead of a content type."""


class InvalidRules(Exception):
    """The rules file cannot be used; the text says where and why."""


def _long_names(names: tuple[str, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        if "/" not in name and name not in SHORT_NAMES:
            raise ValueError(f"{name!r} is neither a content type nor one of {', '.join(SHORT_NAMES)}")
        found.update(dict.fromkeys(SHORT_NAMES.get(name, (name,))))
    return tuple(found)


def _lower(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.lower() for text in texts)


def _upper(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.upper() for text in texts)


Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 -]{0,39}$")]
Sender = Annotated[str, StringConstraints(pattern=r"^[^\s@]*@?[^\s@]+$", max_length=320)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{3}$")]


class Rule(BaseModel):
    """One rule: the tag applies when everything that the rule asks for is true.

    Any of `words` or the `expression` is found; each of `all_words` is found; and so on, as each field says.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Word
    version: int = Field(default=1, ge=1)
    tag: Tag
    document_type: Tag | None = None
    words: tuple[Word, ...] = ()
    all_words: tuple[Word, ...] = ()
    expression: str = Field(default="", max_length=500)
    file_names: tuple[Word, ...] = ()
    """Any of these is the file's name; `*` stands for anything."""
    senders: Annotated[tuple[Sender, ...], AfterValidator(_lower)] = ()
    """Addresses, and domains with all below them: of the visitor, or of who wrote a mail that was sent as a file."""
    content_types: Annotated[tuple[Word, ...], AfterValidator(_long_names)] = ()
    languages: tuple[Language, ...] = ()
    amount_at_least: Decimal | None = Field(default=None, ge=0)
    amount_at_most: Decimal | None = Field(default=None, ge=0)
    currencies: Annotated[tuple[Currency, ...], AfterValidator(_upper)] = ()
    """One amount is found within these bounds and in one of these currencies (see amounts.py)."""
    has_date: bool = False
    date_from: date | None = None
    date_until: date | None = None
    """One date is found (see dates.py), within these days, both included."""

    @property
    def asks_for_amounts(self) -> bool:
        """Whether amounts have to be looked for."""
        return self.amount_at_least is not None or self.amount_at_most is not None or bool(self.currencies)

    @property
    def asks_for_dates(self) -> bool:
        """Whether dates have to be looked for."""
        return self.has_date or self.date_from is not None or self.date_until is not None


def parse(toml: str, name: str) -> list[Rule]:
    """The rules of a TOML file (`[[rule]]` tables) called `name`. Raises InvalidRules with one clear sentence."""
    try:
        content = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        raise InvalidRules(f"{name}: {error}") from None
    tables = content.pop("rule", [])
    if content:
        raise InvalidRules(f"{name}: {next(iter(content))!r} is not known; rules are tables called [[rule]]")
    if not isinstance(tables, list):
        raise InvalidRules(f"{name}: rules are tables called [[rule]], with two brackets")
    rules = [_rule(table, number, name) for number, table in enumerate(tables, 1)]
    _check(rules, name)
    return rules


def _rule(table: object, number: int, name: str) -> Rule:
    try:
        return Rule.model_validate(table)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        called = table.get("name", "") if isinstance(table, dict) else ""
        raise InvalidRules(f"{name}: rule {called or number!r}: {place}: {first['msg']}") from None


def _check(rules: Sequence[Rule], name: str) -> None:
    known: set[str] = set()
    for rule in rules:
        if rule.name in known:
            raise InvalidRules(f"{name}: two rules are called {rule.name!r}")
        known.add(rule.name)
        if not rule.model_fields_set - {"name", "version", "tag", "document_type"}:
            raise InvalidRules(f"{name}: rule {rule.name!r} has neither words nor any other condition")
        for least, most in (("amount_at_least", "amount_at_most"), ("date_from", "date_until")):
            low, high = getattr(rule, least), getattr(rule, most)
            if low is not None and high is not None and low > high:
                raise InvalidRules(f"{name}: rule {rule.name!r}: {least} is beyond {most}")


def digest(toml: str) -> str:
    """What tells one rules file from another."""
    return hashlib.sha256(toml.encode()).hexdigest()[:8]
