"""The fields of the embedded index: what is searched, what is kept, what orders.

An index on disk may be of an earlier version and have fewer fields; `known_fields` tells which. What it lacks is left
out, so it answers as well as it did until `letterbox reindex` has built the next one.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tantivy

from libs.index.folder import META
from libs.index.folding import fold, spaced
from libs.index.parts import endings
from libs.index.protocol import IndexedDocument

TOKENS = "folded"
SEARCHED = (("title", 3.0), ("filename", 3.0), ("text", 1.0), ("contact_name", 1.0))
"""Fields that words are looked for in, and what a match there is worth."""
EVERYTHING = "text"
"""Since there are parts, this field has the words of all others, too: what is misspelt is looked for here alone."""
APART = " \x1f "
"""Between the fields in EVERYTHING: a word that nobody can type, so that no phrase goes across."""
VALUES = ("contact_id", "document_type", "tags", "language", "status")
PARTS = "parts"
"""Endings of numbers and ids."""
TIE = "tie"
"""A factor close to 1 that grows a little with an earlier id, so that equal scores come in the order of the ids."""
TIE_WEIGHT = 2**-9
"""How much it can be: scores that differ by less than that may change places."""
PLACE_BITS = 30

NEEDED = {"document_id", "source", "created_at", "size", *VALUES, *(name for name, _ in SEARCHED)}


def schema() -> tantivy.Schema:
    """The fields of a document."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("document_id", stored=True, tokenizer_name="raw")
    for name in VALUES:
        builder.add_text_field(name, stored=True, fast=True, tokenizer_name="raw", index_option="basic")
    for name, _ in SEARCHED:
        builder.add_text_field(name, tokenizer_name=TOKENS)
    builder.add_text_field(PARTS, tokenizer_name=TOKENS, index_option="basic")
    builder.add_text_field("source", stored=True, tokenizer_name="raw", index_option="basic")
    for name in ("created_at", "size"):
        builder.add_integer_field(name, stored=True, indexed=True, fast=True)
        for direction in ("asc", "desc"):
            builder.add_integer_field(order_field(name, direction), fast=True)
    builder.add_float_field(TIE, fast=True)
    return builder.build()


def known_fields(path: Path) -> frozenset[str]:
    """The fields that the index in the folder `path` was made with; all of them when there is none yet."""
    try:
        meta = json.loads((path / META).read_text(encoding="utf-8"))
    except FileNotFoundError:
        meta = {"schema": [{"name": name} for name in _all()]}
    return frozenset(field["name"] for field in meta["schema"])


def current(known: frozenset[str]) -> bool:
    """Whether nothing is missing in an index with the fields `known`."""
    return known >= _all()


def order_field(name: str, direction: str) -> str:
    """The field that orders by `name`, and what is equal by id."""
    return f"{name}_{direction}"


def fields(document: IndexedDocument, known: frozenset[str]) -> dict[str, Any]:
    """The document as tantivy has it: searched fields folded by us, the texts themselves kept aside for highlights."""
    source = {
        "filename": document.filename,
        "title": document.title,
        "text": document.text,
        "page_ends": document.page_ends,
    }
    folded = [fold(one) for one in (document.text, document.title, document.filename, document.contact_name)]
    text, title, filename, contact_name = map(spaced, folded)
    created, place = int(document.created_at.timestamp()), place_of(document.document_id)
    all_of_them = {
        "document_id": document.document_id,
        "contact_id": document.contact_id,
        "document_type": document.document_type,
        "tags": list(document.tags),
        "language": document.language,
        "status": document.status,
        "filename": filename,
        "title": title,
        EVERYTHING: APART.join([text, title, filename, contact_name]),
        "contact_name": contact_name,
        PARTS: " ".join(endings(*folded[:3])),
        "source": json.dumps(source, ensure_ascii=False),
        "created_at": created,
        "size": document.size,
        TIE: 2.0 ** (1.0 + TIE_WEIGHT * (1 - place / 2**PLACE_BITS)) - 2.0,
        **_orders("created_at", created, place),
        **_orders("size", document.size, place),
    }
    return all_of_them if current(known) else {name: all_of_them[name] for name in all_of_them if name in known}


def created_at(stored: Any) -> datetime:
    """When the stored document was created."""
    return datetime.fromtimestamp(stored.get_first("created_at"), UTC)


def place_of(document_id: str) -> int:
    """A number of PLACE_BITS bits that is never smaller for a later id."""
    digits = ""
    for character in document_id[:8].ljust(8, "0"):
        if character in "0123456789abcdef":
            digits += character
            continue
        nearest = "0" if character < "0" else "a" if character < "a" else "f"
        digits = (digits + nearest).ljust(8, "f" if nearest == "f" else "0")
        break
    return int(digits, 16) >> (32 - PLACE_BITS)


def _orders(name: str, value: int, place: int) -> dict[str, int]:
    value <<= PLACE_BITS
    last = (1 << PLACE_BITS) - 1
    return {order_field(name, "asc"): value | place, order_field(name, "desc"): value | (last - place)}


def _all() -> frozenset[str]:
    orders = {order_field(name, direction) for name in ("created_at", "size") for direction in ("asc", "desc")}
    return frozenset(NEEDED | orders | {PARTS, TIE})
