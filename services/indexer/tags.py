"""Tags and document types, by rules in one TOML file; regular expressions run in linear time (RE2)."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import re2

from services.indexer.amounts import amounts
from services.indexer.dates import dates
from services.indexer.rule_file import DEFAULT_RULES, InvalidRules, Rule, digest, parse

__all__ = ["DEFAULT_RULES", "InvalidRules", "Reason", "Rules", "Tagged"]

LOOKED_AT_CHARACTERS = 200_000
"""How much of a text the rules see: what a document is, it says at its beginning."""
MEMORY_BYTES = 64 << 20
"""Most that the engine may use to look for all expressions at once."""
WORDS_MOST, WORD_CHARACTERS = 5, 80
"""How many of the words that made a tag are told, and how much of each."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a document has a tag: the rule that gave it, and the words in the document that the rule found."""

    tag: str
    rule: str
    version: int = 1
    document_type: str = ""
    """The document's type, if it was this rule that decided it."""
    words: tuple[str, ...] = ()
    """As they stand in the document; none where a rule asks for a language or a kind of file alone."""


@dataclass(frozen=True, slots=True)
class Tagged:
    """What the rules say of a document."""

    tags: tuple[str, ...]
    document_type: str
    reasons: tuple[Reason, ...] = ()


class Seen:
    """A text as rules look at it; amounts and dates are looked for once, and only if a rule asks for them."""

    def __init__(self, text: str, filename: str, senders: Sequence[str]) -> None:
        self.text = text
        self.filename = filename
        self.senders = tuple(sender.lower() for sender in senders if sender)

    @cached_property
    def amounts(self) -> list[Any]:
        """The amounts found."""
        return list(amounts(self.text))

    @cached_property
    def dates(self) -> list[Any]:
        """The dates found."""
        return list(dates(self.text))


Condition = Callable[[Seen], Sequence[str]]
"""What makes a condition true, in words; none when it is false."""


class Rules:
    """Compiled rules, in the order of the file; the first with a document type decides it.

    One pass over the text looks for all words and expressions of all rules; only words that are there are looked at
    again, for what is around them.
    """

    def __init__(self, rules: Sequence[Rule], name: str = "", fingerprint: str = "") -> None:
        self.rules = tuple(rules)
        self.fingerprint = fingerprint
        """Tells these rules from others."""
        self._name = name
        options = re2.Options()
        options.max_mem = MEMORY_BYTES
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        self._words: dict[int, str] = {}
        self._expressions: dict[int, Any] = {}
        self._always = self._add("")
        self._compiled = [_Compiled(rule, *self._added(rule)) for rule in rules]
        self._of_place: dict[int, list[int]] = {}
        """Which rules look for what is at each place of the set."""
        for number, one in enumerate(self._compiled):
            for place in one.any_of | one.all_of:
                self._of_place.setdefault(place, []).append(number)
        self._wordless = [number for number, one in enumerate(self._compiled) if not one.any_of | one.all_of]
        self._set.Compile()
        self._found("")

    @classmethod
    def load(cls, path: Path) -> "Rules":
        """The rules in a TOML file. Raises InvalidRules with one clear sentence."""
        try:
            return cls.parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidRules(f"{path}: {error}") from None

    @classmethod
    def parse(cls, toml: str, name: str) -> "Rules":
        """The rules in the text of a TOML file called `name`. Raises InvalidRules with one clear sentence."""
        return cls(parse(toml, name), f"{name}: ", digest(toml))

    def apply(self, text: str, filename: str, content_type: str, language: str, senders: Sequence[str] = ()) -> Tagged:
        """The tags of a text, sorted, its document type (`document` when no rule knows it), and why."""
        seen = Seen(f"{filename}\n{text[:LOOKED_AT_CHARACTERS]}", filename, senders)
        found = self._found(seen.text)
        reasons: list[Reason] = []
        kind = ""
        for one in self._candidates(found):
            if not (one.worded(found) and one.concerns(content_type, language)):
                continue
            words = one.conditions_met(seen)
            if words is None:
                continue
            decides = "" if kind else one.rule.document_type or ""
            kind = kind or decides
            reasons.append(self._reason(one, decides, found, words, seen.text))
        return Tagged(tuple(sorted({reason.tag for reason in reasons})), kind or "document", tuple(reasons))

    def _candidates(self, found: dict[int, str]) -> Iterator["_Compiled"]:
        """The rules that can apply, in the order of the file: those of which a word is there, and those without any."""
        numbers = {number for place in found for number in self._of_place.get(place, ())}
        for number in sorted(numbers.union(self._wordless)):
            yield self._compiled[number]

    def _reason(self, one: "_Compiled", decides: str, found: dict[int, str], words: list[str], text: str) -> Reason:
        places = sorted((one.any_of & found.keys()) | one.all_of)
        told = [self._expression(place, text) if place in self._expressions else found[place] for place in places]
        rule = one.rule
        return Reason(
            tag=rule.tag, rule=rule.name, version=rule.version, document_type=decides, words=_few((*told, *words))
        )

    def _expression(self, place: int, text: str) -> str:
        match = self._expressions[place].search(text)
        return str(match.group()) if match else ""

    def _found(self, text: str) -> dict[int, str]:
        """Places of the expressions that are found, with the words that are: raises InvalidRules when there are too
        many for MEMORY_BYTES.
        """
        places = self._set.Match(text) or ()
        if self._always not in places:  # the engine gave up, which it says in no other way
            raise InvalidRules(f"{self._name}the rules are too many or too large")
        found = {}
        for place in places:
            word = self._words.get(place)
            if word is None:
                found[place] = ""
            elif match := _by_itself(word).search(text):
                found[place] = match.group(1)
        return found

    def _added(self, rule: Rule) -> tuple[frozenset[int], frozenset[int]]:
        """Places in the set: (one of these must be found, each of these must be found)."""
        any_of = {self._add_word(word) for word in rule.words}
        if rule.expression:
            any_of.add(self._add_expression(rule))
        return frozenset(any_of), frozenset(self._add_word(word) for word in rule.all_words)

    def _add_word(self, word: str) -> int:
        place = self._add(re.escape(word))
        self._words[place] = word
        return place

    def _add_expression(self, rule: Rule) -> int:
        options = re2.Options()
        options.log_errors = False
        try:  # says what is wrong with it, which the set does not
            compiled = re2.compile(f"(?i){rule.expression}", options)
        except re2.error as error:
            said = error.args[0].decode() if isinstance(error.args[0], bytes) else error
            raise InvalidRules(
                f"{self._name}rule {rule.name!r}: {rule.expression!r} is not a regular expression: {said}"
            ) from None
        place = self._add(rule.expression)
        self._expressions[place] = compiled
        return place

    def _add(self, expression: str) -> int:
        return int(self._set.Add(f"(?i){expression}"))


class _Compiled:
    """A rule with what it takes to look at it quickly."""

    __slots__ = ("_conditions", "_kinds", "_languages", "_prefixes", "all_of", "any_of", "rule")

    def __init__(self, rule: Rule, any_of: frozenset[int], all_of: frozenset[int]) -> None:
        self.rule = rule
        self.any_of = any_of
        self.all_of = all_of
        self._kinds = frozenset(rule.content_types)
        self._prefixes = tuple(kind[:-1] for kind in rule.content_types if kind.endswith("/*"))
        self._languages = frozenset(rule.languages)
        self._conditions = tuple(_conditions(rule))

    def worded(self, found: dict[int, str]) -> bool:
        """Whether the words it asks for are there."""
        return (not self.any_of or not self.any_of.isdisjoint(found)) and all(place in found for place in self.all_of)

    def concerns(self, content_type: str, language: str) -> bool:
        """Whether it is about files of this kind in this language."""
        if self._kinds and content_type not in self._kinds and not content_type.startswith(self._prefixes):
            return False
        return not self._languages or language in self._languages

    def conditions_met(self, seen: Seen) -> list[str] | None:
        """The words that its other conditions found; None when one of them is not met."""
        words: list[str] = []
        for condition in self._conditions:
            told = condition(seen)
            if not told:
                return None
            words += told
        return words


def _conditions(rule: Rule) -> Iterator[Condition]:
    """What a rule asks for besides words, kind and language; the cheap ones first."""
    if rule.senders:
        yield lambda seen: [one for one in seen.senders if _sent_by(one, rule.senders)]
    if rule.file_names:
        patterns = [_file_name(name) for name in rule.file_names]
        yield lambda seen: [seen.filename] if any(one.fullmatch(seen.filename) for one in patterns) else []
    if rule.asks_for_amounts:
        yield lambda seen: [one.words for one in seen.amounts if _within(rule, one.value, one.currency)]
    if rule.asks_for_dates:
        low, high = rule.date_from, rule.date_until
        yield lambda seen: [
            one.words for one in seen.dates if (low is None or low <= one.day) and (high is None or one.day <= high)
        ]


def _within(rule: Rule, value: Any, currency: str) -> bool:
    low, high = rule.amount_at_least, rule.amount_at_most
    known = not rule.currencies or currency in rule.currencies
    return known and (low is None or low <= value) and (high is None or value <= high)


def _sent_by(address: str, senders: Iterable[str]) -> bool:
    """Whether an address is one of the senders, or below one of the domains (`example.org` or `@example.org`)."""
    domain = address.rpartition("@")[2]
    for sender in senders:
        name, _, host = sender.rpartition("@")
        if (address == sender) if name else (domain == host or domain.endswith(f".{host}")):
            return True
    return False


def _few(words: Iterable[str]) -> tuple[str, ...]:
    """The first few different words, each on one line and short."""
    found: dict[str, None] = {}
    for word in words:
        line = " ".join(word.split())
        if line:
            found[line if len(line) <= WORD_CHARACTERS else f"{line[: WORD_CHARACTERS - 1]}…"] = None
        if len(found) == WORDS_MOST:
            break
    return tuple(found)


@cache
def _by_itself(word: str) -> Any:
    """The word, but not as a part of a longer one."""
    return re2.compile(rf"(?i)(?:^|[^\pL\pN])({re.escape(word)})(?:$|[^\pL\pN])")


@cache
def _file_name(pattern: str) -> Any:
    return re2.compile("(?is)" + ".*".join(map(re.escape, pattern.split("*"))))
