"""Packages: ZIP archives of XML parts, as Office, OpenDocument and EPUB files are; opened within limits."""

import posixpath
from collections.abc import Iterator
from typing import Literal
from urllib.parse import unquote
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from services.indexer.extract.archive import opened, unpacked
from services.indexer.extract.results import Limits, broken, encrypted

RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


class _Tree(TreeBuilder):
    """Refuses document type declarations: no part needs one, and entities are declared there."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        raise broken()


def tree(content: bytes) -> Element:
    """The root of an XML document. Raises Unreadable when it is none, or declares a document type."""
    parser = XMLParser(target=_Tree())  # noqa: S314 - what it is attacked with needs a declaration, refused above
    try:
        parser.feed(content)
        root: Element = parser.close()
    except (ParseError, LookupError, ValueError):
        raise broken() from None
    return root


def walk(root: Element) -> Iterator[tuple[Literal["start", "end"], Element]]:
    """Every element below `root`, at its start and at its end, in the document's order; without recursion."""
    stack = [iter((root,))]
    open_elements: list[Element] = []
    while stack:
        element = next(stack[-1], None)
        if element is None:
            stack.pop()
            if open_elements:
                yield "end", open_elements.pop()
            continue
        yield "start", element
        open_elements.append(element)
        stack.append(iter(element))


class Package:
    """The parts of one document. A context manager."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        self._archive = opened(content, limits)
        self._most = limits.part_bytes
        self._names = {entry.filename: entry for entry in self._archive.infolist()}

    def __enter__(self) -> "Package":
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    @property
    def names(self) -> list[str]:
        """Of all parts, in their order."""
        return list(self._names)

    def part(self, name: str) -> bytes:
        """The bytes of a part. Raises Unreadable when there is none, or it is too large or locked."""
        entry = self._names.get(name)
        if entry is None:
            raise broken()
        return unpacked(self._archive, entry, self._most)

    def tree(self, name: str) -> Element:
        """The root of a part that is XML."""
        return tree(self.part(name))

    def optional(self, name: str) -> Element | None:
        """The root of a part that a document may lack."""
        return self.tree(name) if name in self else None

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """What a part of an Office document refers to: from its id to the kind and the name of another part."""
        folder, _, base = name.rpartition("/")
        root = self.optional(posixpath.join(folder, "_rels", f"{base}.rels"))
        if root is None:
            return {}
        found = {}
        for one in root.iter(RELATIONSHIP):
            if one.get("TargetMode") == "External":
                continue
            target = resolved(folder, one.get("Target", ""))
            if target in self:
                found[one.get("Id", "")] = (one.get("Type", "").rpartition("/")[2], target)
        return found

    def unlocked(self) -> "Package":
        """Itself. Raises Unreadable when its OpenDocument manifest says that it is encrypted."""
        if "META-INF/manifest.xml" in self and b"encryption-data" in self.part("META-INF/manifest.xml"):
            raise encrypted()
        return self


def resolved(folder: str, target: str) -> str:
    """The name of the part that `target` means in `folder`."""
    target = unquote(target.partition("#")[0])
    if target.startswith("/"):
        return target[1:]
    return posixpath.normpath(posixpath.join(folder, target))
