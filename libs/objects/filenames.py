"""File names for display: they come from anybody and never become part of a path or a key."""

import re
import unicodedata
from pathlib import PurePosixPath

MOST_CHARACTERS = 255

_INVISIBLE = re.compile("[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def display_name(given: str) -> str:
    """The last component of `given` without anything invisible or misleading; `file` when nothing is left."""
    name = unicodedata.normalize("NFC", given.replace("\\", "/").rsplit("/", 1)[-1])
    name = _INVISIBLE.sub("", name)
    name = "".join(character if unicodedata.category(character)[0] != "C" else " " for character in name)
    name = " ".join(name.split()).strip(". ") if name.strip(". ") else ""
    if len(name) > MOST_CHARACTERS:
        ending = PurePosixPath(name).suffix[:16]
        name = name[: MOST_CHARACTERS - len(ending)] + ending
    return name or "file"


def within(name: str, most_bytes: int) -> str:
    """`name` cut until its UTF-8 has at most `most_bytes`; a short ending stays."""
    if len(name.encode()) <= most_bytes:
        return name
    ending = PurePosixPath(name).suffix[:16]
    stem = name.removesuffix(ending).encode()[: most_bytes - len(ending.encode())]
    return stem.decode(errors="ignore") + ending
