"""Documents of real prose: the documentation that comes with Python and with the packages of this project."""

import hashlib
import re
import sysconfig
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pydoc_data.topics import topics
from random import Random

from libs.index.protocol import IndexedDocument

SHORTEST, LONGEST = 600, 20_000
"""Characters of a document's text."""
SUFFIXES = (".md", ".rst", ".txt")
FIRST_DAY = datetime(2024, 1, 1, tzinfo=UTC)

SKIPPED = frozenset({"test", "tests", "_vendor"})

_DOCSTRING = re.compile(r'"""(.*?)"""', re.S)
_LETTERS = re.compile(r"[a-z]{3,}")


def corpus(count: int, seed: int = 1) -> list[IndexedDocument]:
    """`count` documents, the same ones in the same order for the same seed and the same packages."""
    found: dict[str, tuple[str, str]] = {}
    for name, text in _texts():
        text = text[:LONGEST]
        if _prose(text):
            found.setdefault(hashlib.sha256(text.encode()).hexdigest(), (name, text))
    if len(found) < count:
        raise RuntimeError(f"only {len(found)} documents were found, {count} are needed")
    chosen = Random(seed).sample(sorted(found), count)
    return [_document(number, identity, *found[identity]) for number, identity in enumerate(chosen)]


def _texts() -> Iterator[tuple[str, str]]:
    """Names and texts: what modules say of themselves, and files of documentation."""
    for name in sorted(topics):
        yield f"{name}.txt", topics[name]
    library, packages = Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib"))
    for root, without in ((library, SKIPPED | {"site-packages"}), (packages, SKIPPED)):
        for path in sorted(root.rglob("*")):
            if without.intersection(path.parts[len(root.parts) :]):
                continue
            if path.suffix == ".py":
                text = path.read_text(encoding="utf-8", errors="replace")
                yield path.name, "\n\n".join(_DOCSTRING.findall(text))
            elif path.suffix in SUFFIXES or path.name == "METADATA":
                yield path.name, _description(path)


def _description(path: Path) -> str:
    """A file's text; of a package's metadata what comes after the fields."""
    text = path.read_text(encoding="utf-8", errors="replace")
    return text.partition("\n\n")[2] if path.name == "METADATA" else text


def _prose(text: str) -> bool:
    """Whether it is long enough, mostly letters, and not a list of names."""
    if len(text) < SHORTEST:
        return False
    words = _LETTERS.findall(text.lower())
    return sum(map(len, words)) > 0.5 * len(text) and len(set(words)) > 60


def _document(number: int, identity: str, name: str, text: str) -> IndexedDocument:
    return IndexedDocument(
        document_id=f"{identity[:32]}-1",
        contact_id=identity[:32],
        filename=name,
        title=Path(name).stem,
        text=text,
        contact_name="",
        document_type=("manual", "letter", "report")[number % 3],
        tags=(("draft",), ("urgent", "paid"), ())[number % 3],
        language="en",
        status="indexed",
        created_at=FIRST_DAY + timedelta(hours=number),
        size=len(text.encode()),
    )
