"""Tags and document types, by rules in one TOML file; regular expressions run in linear time (RE2)."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import re2
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

DEFAULT_RULES = Path(__file__).parent / "rules.toml"
LOOKED_AT_CHARACTERS = 200_000
"""How much of a text the rules see: what a document is, it says at its beginning."""

Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9 -]{0,39}$")]


class InvalidRules(Exception):
    """The rules file cannot be used; the text says where and why."""


class Rule(BaseModel):
    """One rule: when any of `words` or the `expression` is found, the tag applies; `all_words` must all be there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Word
    tag: Tag
    words: tuple[Word, ...] = ()
    all_words: tuple[Word, ...] = ()
    expression: str = Field(default="", max_length=500)
    content_types: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    document_type: Tag | None = None


@dataclass(frozen=True, slots=True)
class Tagged:
    """What the rules say of a document."""

    tags: tuple[str, ...]
    document_type: str


class Rules:
    """Compiled rules, in the order of the file; the first with a document type decides it."""

    def __init__(self, rules: list[Rule]) -> None:
        self._rules = [(rule, _compiled(rule)) for rule in rules]

    @classmethod
    def load(cls, path: Path) -> "Rules":
        """The rules in a TOML file (`[[rule]]` tables). Raises InvalidRules with one clear sentence."""
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8")).get("rule", [])
            return cls([Rule.model_validate(table) for table in tables])
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InvalidRules(f"{path}: {error}") from None
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise InvalidRules(f"{path}: {place}: {first['msg']}") from None
        except re2.error as error:
            raise InvalidRules(f"{path}: not a regular expression: {error}") from None

    def apply(self, text: str, filename: str, content_type: str, language: str) -> Tagged:
        """The tags of a text, sorted, and its document type (`document` when no rule knows it)."""
        seen = f"{filename}\n{text[:LOOKED_AT_CHARACTERS]}"
        tags, kind = set(), ""
        for rule, (any_of, all_of) in self._rules:
            if rule.content_types and content_type not in rule.content_types:
                continue
            if rule.languages and language not in rule.languages:
                continue
            if any(expression.search(seen) for expression in any_of) and all(e.search(seen) for e in all_of):
                tags.add(rule.tag)
                kind = kind or rule.document_type or ""
        return Tagged(tuple(sorted(tags)), kind or "document")


def _compiled(rule: Rule) -> tuple[list[Any], list[Any]]:
    """(one of these must be found, each of these must be found)."""
    alternatives = [_word(word) for word in rule.words]
    if rule.expression:
        alternatives.append(rule.expression)
    if not alternatives and not rule.all_words:
        raise InvalidRules(f"rule {rule.name!r} has neither words nor an expression")
    any_of = [re2.compile(f"(?i){alternative}") for alternative in alternatives or [""]]
    return any_of, [re2.compile(f"(?i){_word(word)}") for word in rule.all_words]


def _word(word: str) -> str:
    """A word by itself, not a part of a longer one."""
    return rf"(?:^|[^\pL\pN]){re.escape(word)}(?:$|[^\pL\pN])"
