"""The extracted text as it is kept beside the original, so that the index can be rebuilt without parsing again."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from pydantic import BaseModel, ConfigDict, TypeAdapter

from libs.events.catalogue import document_id
from libs.index.protocol import IndexedDocument
from libs.objects.store import ObjectStore
from services.indexer.tags import Reason

MOST_BYTES = 256 * 1024 * 1024
SEARCHED_CHARACTERS = 2_000_000
"""How much of a document's text the index gets; the kept text is whole."""
_PAGES = TypeAdapter(tuple[str, ...])
BETWEEN_PAGES = "\n\n"


class Outcome(BaseModel):
    """What rules said of a document."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    rules: str = ""
    """Version of the rules; empty where a text was kept before rules had one."""
    document_type: str = "document"
    tags: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    """Why it has its tags; holds words of the document."""


class KeptText(Outcome):
    """Everything the index needs to know of one document, and where it came from."""

    submission_id: str
    number: str
    generation: int
    filename: str
    contact_name: str
    created_at: datetime
    size: int
    pages: tuple[str, ...]
    title: str = ""
    author: str = ""
    language: str = ""
    extractor: str = ""
    ocr: bool = False
    left_out: tuple[str, ...] = ()
    """Names of files inside it that became no documents; it is found by them."""
    note: str = ""
    """For people: why they did not."""
    sender: str = ""
    """The visitor's address."""
    content_type: str = ""
    revision: int = 0
    """How often changed rules, or taking them back, changed type or tags; each time with a `document.tagged`."""
    earlier: tuple[Outcome, ...] = ()
    """What rules said before that, the newest last."""
    restored: str = ""
    """Version of the rules with which what they said before was brought back."""
    created: str = ""
    """When the document says it was made, in ISO 8601."""
    modified: str = ""
    quality: float = 1.0
    """How much of the text looks like words, from 0 to 1."""
    route: tuple[str, ...] = ()
    """Which ways to read it were tried, and why."""

    @property
    def key(self) -> str:
        """Where it is kept."""
        return text_key(self.submission_id, self.number, self.generation)

    def indexed(self) -> IndexedDocument:
        """The document as the search index takes it."""
        text = BETWEEN_PAGES.join((*self.pages, *self.left_out))[:SEARCHED_CHARACTERS]
        return IndexedDocument(
            document_id=document_id(self.submission_id, self.number),
            contact_id=self.submission_id,
            filename=self.filename,
            title=self.title,
            text=text,
            contact_name=self.contact_name,
            document_type=self.document_type,
            tags=self.tags,
            language=self.language,
            status="indexed",
            created_at=self.created_at,
            size=self.size,
            page_ends=tuple(_ends(self.pages, len(text))) if len(self.pages) > 1 else (),
        )


def _ends(pages: Iterable[str], most: int) -> Iterator[int]:
    """Where each page of the joined text ends, as far as the text goes."""
    end = 0
    for page in pages:
        end += len(page) + len(BETWEEN_PAGES)
        yield min(end, most)
        if end >= most:
            return


def text_key(submission_id: str, number: str, generation: int) -> str:
    """The key of a document's text, as it was read the `generation`-th time."""
    return f"{prefix(submission_id)}{number}.{generation}.json"


def prefix(submission_id: str) -> str:
    """What the keys of all of a submission's texts begin with."""
    return f"text/{submission_id}/"


async def keep(objects: ObjectStore, text: KeptText) -> str:
    """Keep `text`; returns its key. Raises Transient when the store is away.

    The pages come last, so that whoever needs only what is known of a document can read the beginning.
    """
    known = text.model_dump_json(exclude={"pages"}).encode()
    await objects.put(text.key, known[:-1] + b',"pages":' + _PAGES.dump_json(text.pages) + b"}", "application/json")
    return text.key


async def load(objects: ObjectStore, key: str) -> KeptText:
    """The kept text under `key`. Raises MissingObject, or Transient when the store is away."""
    return KeptText.model_validate_json(await objects.read(key, MOST_BYTES))
