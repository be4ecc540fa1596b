"""What changed rules change: counted by tag, rule and type, with a few documents as samples."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from libs.events.catalogue import document_id
from services.indexer.tags import Reason
from services.indexer.texts import KeptText

SAMPLES = 5
SHOWN = 20


@dataclass(slots=True)
class Moves:
    """How many documents gain something, and how many lose it; ids of the first few."""

    gain: int = 0
    lose: int = 0
    samples: list[str] = field(default_factory=list)

    def count(self, document: str, *, gained: bool) -> None:
        """One document more."""
        self.gain += gained
        self.lose += not gained
        if len(self.samples) < SAMPLES:
            self.samples.append(document)


@dataclass(slots=True)
class Report:
    """What a change of rules does to the documents looked at."""

    looked_at: int = 0
    changed: int = 0
    tags: dict[str, Moves] = field(default_factory=dict)
    rules: dict[str, Moves] = field(default_factory=dict)
    """By the rule that gives or gave a tag or type, with its version: `invoice (2)`."""
    types: Counter[str] = field(default_factory=Counter)
    """From what to what: `document -> invoice`."""
    out_of_reach: list[str] = field(default_factory=list)
    """Documents that stay as they are, because EVENTS does not keep what indexer would be handed."""

    def add(self, before: KeptText, after: KeptText) -> None:
        """A document that changes."""
        document = document_id(before.submission_id, before.number)
        self.changed += 1
        gained, lost = set(after.tags) - set(before.tags), set(before.tags) - set(after.tags)
        retyped = before.document_type != after.document_type
        if retyped:
            self.types[f"{before.document_type} -> {after.document_type}"] += 1
        for names, gain in ((gained, True), (lost, False)):
            for name in names:
                self.tags.setdefault(name, Moves()).count(document, gained=gain)
        for text, names, gain in ((after, gained, True), (before, lost, False)):
            for rule in _responsible(text.reasons, names, retyped=retyped):
                self.rules.setdefault(rule, Moves()).count(document, gained=gain)

    def as_json(self) -> dict[str, object]:
        """The whole report."""
        return {
            "looked_at": self.looked_at,
            "changed": self.changed,
            "tags": {name: _moves(self.tags[name]) for name in sorted(self.tags)},
            "rules": {name: _moves(self.rules[name]) for name in sorted(self.rules)},
            "types": dict(sorted(self.types.items())),
            "out_of_reach": self.out_of_reach,
        }

    def print(self, would: str) -> None:
        """For people; `would` is empty for what was done."""
        print(f"{self.looked_at} documents looked at: {self.changed} {would}change{'' if would else 'd'}")
        for title, table in (("tag", self.tags), ("rule", self.rules)):
            for name in sorted(table):
                moves = table[name]
                print(f"  {title:5} {name:32} {moves.gain:6} {would}gain  {moves.lose:6} {would}lose")
        for change, count in sorted(self.types.items()):
            print(f"  type  {change:32} {count:6}")
        for name in sorted(self.tags):
            print(f"  e.g. {name}: {', '.join(self.tags[name].samples)}")
        for document in self.out_of_reach[:SHOWN]:
            print(f"  OUT OF REACH  {document}")


def _responsible(reasons: Iterable[Reason], tags: set[str], *, retyped: bool) -> list[str]:
    """The rules that gave some of the tags, or the type."""
    rules = {(r.rule, r.version): None for r in reasons if r.tag in tags or (retyped and r.document_type)}
    return [f"{name} ({version})" for name, version in rules]


def _moves(moves: Moves) -> dict[str, object]:
    return {"gain": moves.gain, "lose": moves.lose, "samples": moves.samples}
