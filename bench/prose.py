"""Real prose for documents: pieces of the language reference that comes with Python."""

from functools import cache
from pydoc_data.topics import topics
from random import Random


def prose(characters: int, seed: int) -> str:
    """A piece of that many characters, the same one for the same seed."""
    text = _text()
    begin = Random(seed).randrange(len(text) - characters)
    return text[begin : begin + characters]


@cache
def _text() -> str:
    return "\n".join(topics[name] for name in sorted(topics))
