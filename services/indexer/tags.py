"""Tags and document types, by rules in one TOML file; regular expressions run in linear time (RE2)."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import re2
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

DEFAULT_RULES = Path(__file__).parent / "rules.toml"
LOOKED_AT_CHARACTERS = 200_000
"""How much of a text the rules see: what a document is, it says at its beginning."""
MEMORY_BYTES = 64 << 20
"""Most that the engine may use to look for all expressions at once."""

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
    """Compiled rules, in the order of the file; the first with a document type decides it.

    One pass over the text looks for all words and expressions of all rules; only words that are there are looked at
    again, for what is around them.
    """

    def __init__(self, rules: list[Rule]) -> None:
        options = re2.Options()
        options.max_mem = MEMORY_BYTES
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._words: dict[int, str] = {}
        self._always = self._add("")
        self._rules = [(rule, *self._added(rule)) for rule in rules]
        self._set.Compile()
        self._found("")

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
        found = self._found(seen)
        tags, kind = set(), ""
        for rule, any_of, all_of in self._rules:
            if rule.content_types and content_type not in rule.content_types:
                continue
            if rule.languages and language not in rule.languages:
                continue
            if (any_of & found or not any_of) and all_of <= found:
                tags.add(rule.tag)
                kind = kind or rule.document_type or ""
        return Tagged(tuple(sorted(tags)), kind or "document")

    def _found(self, text: str) -> set[int]:
        """Places of the expressions that are found. Raises InvalidRules when there are too many for MEMORY_BYTES."""
        found = set(self._set.Match(text) or ())
        if self._always not in found:  # the engine gave up, which it says in no other way
            raise InvalidRules("the rules are too many or too large")
        return {one for one in found if one not in self._words or _by_itself(self._words[one]).search(text)}

    def _added(self, rule: Rule) -> tuple[set[int], set[int]]:
        """Places in the set: (one of these must be found, each of these must be found)."""
        any_of = {self._add_word(word) for word in rule.words}
        if rule.expression:
            re2.compile(rule.expression)  # says what is wrong with it, which the set does not
            any_of.add(self._add(rule.expression))
        all_of = {self._add_word(word) for word in rule.all_words}
        if not any_of and not all_of:
            raise InvalidRules(f"rule {rule.name!r} has neither words nor an expression")
        return any_of, all_of

    def _add_word(self, word: str) -> int:
        place = self._add(re.escape(word))
        self._words[place] = word
        return place

    def _add(self, expression: str) -> int:
        return int(self._set.Add(f"(?i){expression}"))


@cache
def _by_itself(word: str) -> Any:
    """The word, but not as a part of a longer one."""
    return re2.compile(rf"(?i)(?:^|[^\pL\pN]){re.escape(word)}(?:$|[^\pL\pN])")
