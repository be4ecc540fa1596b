"""What a hit shows of its document, the same whichever engine found it."""

from collections.abc import Sequence

from libs.index.highlight import highlight, opening, page_of
from libs.index.words import Word


def fragments(
    title: str, filename: str, text: str, page_ends: Sequence[int], words: Sequence[Word]
) -> tuple[tuple[str, ...], int | None]:
    """The best fragments of title, file name and text with marks, and the page that the text's is on.

    Without any match it is the beginning of the text.
    """
    passages = [highlight(one, words) for one in (title, filename, text)] if words else [None] * 3
    shown = tuple(dict.fromkeys(passage.text for passage in passages if passage))
    inside = passages[2]
    page = page_of(inside.at, page_ends) if inside else None
    if shown:
        return shown, page
    return ((opening(text),) if text else ()), None
