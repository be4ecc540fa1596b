"""What is known of a document from its kept text: what it says of itself, how it was read, why it has its tags.

These are the document's own words, so no event has them.
"""

import asyncio
from contextlib import aclosing, suppress
from typing import Any

import pydantic_core
from pydantic import BaseModel, ConfigDict, ValidationError

from libs.events.catalogue import MESSAGE
from libs.events.errors import Transient
from libs.objects.store import TEXTS, MissingObject, ObjectStore
from services.search.records import Document

ANSWER_SECONDS = 2.0
"""The object store counts as away when it takes longer than this."""
BEGINNING_BYTES = 1 << 20
"""What is known of a text stands before its pages, which are not needed here."""


class Reason(BaseModel):
    """The rule that gave a tag, and the words that it found."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tag: str
    rule: str
    version: int = 1
    document_type: str = ""
    """The document's type, if this rule decided it."""
    words: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """As the interface has it."""
        told = self.model_dump(mode="json", exclude={"document_type"})
        return told | ({"document_type": self.document_type} if self.document_type else {})


class Kept(BaseModel):
    """The part of a kept text that pages show."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str = ""
    author: str = ""
    created: str = ""
    """When the document says it was made, in ISO 8601; `modified` when it was changed."""
    modified: str = ""
    quality: float | None = None
    """How much of its text looks like words, from 0 to 1."""
    route: tuple[str, ...] = ()
    """Which ways to read it were tried, and why."""
    left_out: tuple[str, ...] = ()
    """Names of files inside it that became no documents."""
    reasons: tuple[Reason, ...] = ()

    def as_json(self) -> dict[str, object]:
        """As the interface has it, without the reasons."""
        told = self.model_dump(mode="json", exclude={"reasons"})
        return told | {"created": self.created or None, "modified": self.modified or None}


async def kept_of(objects: ObjectStore, document: Document) -> Kept | None:
    """What the kept text says of a document; None while the object store is away."""
    key = document.text_key or (f"{TEXTS}{document.contact_id}/{MESSAGE}.1.json" if document.is_message else None)
    if key is None:
        return Kept()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return _kept(await _beginning(objects, key))
    except MissingObject:
        return Kept()
    except (Transient, TimeoutError):
        return None


async def _beginning(objects: ObjectStore, key: str) -> bytes:
    content = bytearray()
    async with aclosing(objects.stream(key)) as chunks:
        async for chunk in chunks:
            content += chunk
            if len(content) >= BEGINNING_BYTES:
                break
    return bytes(content)


def _kept(beginning: bytes) -> Kept:
    with suppress(ValueError, ValidationError):
        fields: Any = pydantic_core.from_json(beginning, allow_partial=True)
        return Kept.model_validate(fields)
    return Kept()
