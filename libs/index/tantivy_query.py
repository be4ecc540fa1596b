"""Questions as tantivy asks them: built term by term, so that what a user types is never a query language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tantivy
from tantivy import Occur

from libs.index.parts import by_part
from libs.index.protocol import Filters
from libs.index.tantivy_schema import EVERYTHING, PARTS, SEARCHED, VALUES
from libs.index.words import Word, Words

EXACT_BOOST = 4.0
PART_BOOST = 0.5
NEAR_SLOP = 2
"""Words of a question that stand as close to each other as typed count as together with so many in between."""
LIKE_SHARE = 4
"""A document is like another when it has one in so many of its most telling words, and at least two."""

TQuery = tantivy.Query


@dataclass(frozen=True, slots=True)
class Questions:
    """Builds queries for an index with `schema`, of whose fields `known` are there."""

    schema: tantivy.Schema
    known: frozenset[str]

    def ask(self, words: Words, filters: Filters, *, but: str = "") -> Any:
        """What has all words and passes the filters, the one on the field `but` left out."""
        clauses = [(Occur.Must, self._word(word)) for word in words.words]
        clauses += [(Occur.Must, self._phrase(phrase)) for phrase in words.phrases]
        clauses += [(Occur.MustNot, self._phrase(phrase)) for phrase in words.excluded]
        if not words.units:
            clauses.append((Occur.Must, TQuery.all_query()))
        if len(words.words) > 1:
            together: list[str | tuple[int, str]] = [word.text for word in words.words]
            clauses.append((Occur.Should, TQuery.phrase_query(self.schema, "text", together, NEAR_SLOP)))
        return TQuery.boolean_query(clauses + self._filtered(filters, but))

    def like(self, document_id: str, terms: Sequence[tuple[str, float]], filters: Filters, *, but: str = "") -> Any:
        """What shares enough of the weighted `terms` with the document, itself excluded."""
        if not terms:
            return TQuery.empty_query()
        options = [(Occur.Should, TQuery.boost_query(self._exact(term), weight)) for term, weight in terms]
        enough = min(len(terms), max(2, len(terms) // LIKE_SHARE))
        shared = TQuery.boolean_query(options, minimum_number_should_match=enough)
        clauses = [(Occur.Must, shared), (Occur.MustNot, self.document(document_id))]
        return TQuery.boolean_query(clauses + self._filtered(filters, but))

    def document(self, document_id: str) -> Any:
        """The document with this id."""
        return TQuery.term_query(self.schema, "document_id", document_id)

    def documents(self, document_ids: list[str]) -> Any:
        """The documents with these ids."""
        return TQuery.term_set_query(self.schema, "document_id", document_ids)

    def _exact(self, term: str) -> Any:
        return TQuery.disjunction_max_query(
            [TQuery.term_query(self.schema, name, term) for name in ("title", "text")], 0.1
        )

    def _word(self, word: Word) -> Any:
        options = []
        for name, boost in SEARCHED:
            exact = TQuery.term_query(self.schema, name, word.text)
            options.append(TQuery.boost_query(exact, boost * EXACT_BOOST))
        for name, boost in self._covering() if word.typos or word.prefix else ():
            near = TQuery.fuzzy_term_query(self.schema, name, word.text, word.typos, True, word.prefix)
            options.append(TQuery.boost_query(near, boost))
        if by_part(word.text) and PARTS in self.known:
            part = TQuery.fuzzy_term_query(self.schema, PARTS, word.text, 0, True, True)
            options.append(TQuery.boost_query(part, PART_BOOST))
        return TQuery.disjunction_max_query(options, 0.1)

    def _phrase(self, phrase: tuple[str, ...]) -> Any:
        if len(phrase) == 1:
            options = [TQuery.term_query(self.schema, name, phrase[0]) for name, _ in self._covering()]
        else:
            options = [TQuery.phrase_query(self.schema, name, list(phrase)) for name, _ in self._covering()]
        return TQuery.disjunction_max_query(options, 0.1)

    def _covering(self) -> Sequence[tuple[str, float]]:
        """Fields that together have every word; each costs a walk through its dictionary."""
        return ((EVERYTHING, 1.0),) if PARTS in self.known else SEARCHED

    def _filtered(self, filters: Filters, but: str) -> list[tuple[Occur, Any]]:
        return [(Occur.Must, TQuery.const_score_query(part, 0.0)) for part in self._filters(filters, but)]

    def _filters(self, filters: Filters, but: str) -> list[Any]:
        parts = []
        for name in VALUES:
            values = getattr(filters, name)
            if values and name != but:
                parts.append(TQuery.term_set_query(self.schema, name, list(values)))
        if filters.created_after or filters.created_before:
            parts.append(
                TQuery.range_query(
                    self.schema,
                    "created_at",
                    tantivy.FieldType.Integer,
                    int(filters.created_after.timestamp()) if filters.created_after else None,
                    int(filters.created_before.timestamp()) - 1 if filters.created_before else None,
                )
            )
        return parts
