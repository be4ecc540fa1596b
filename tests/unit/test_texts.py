"""A kept text as the search index gets it."""

from datetime import UTC, datetime

from libs.index.highlight import page_of
from services.indexer.texts import SEARCHED_CHARACTERS, KeptText


def kept(*pages: str) -> KeptText:
    return KeptText(
        submission_id="a" * 32, number="1", generation=1, filename="book.pdf", contact_name="Ada",
        created_at=datetime(2026, 11, 3, tzinfo=UTC), size=1, pages=pages,
    )  # fmt: skip


def test_every_character_of_the_text_lies_on_its_page() -> None:
    document = kept("first", "", "third page", "fourth").indexed()
    pages = {word: page_of(document.text.index(word), document.page_ends) for word in ("first", "third", "fourth")}
    assert pages == {"first": 1, "third": 3, "fourth": 4}
    assert page_of(len(document.text) - 1, document.page_ends) == 4


def test_what_has_one_page_has_no_pages() -> None:
    document = kept("only").indexed()
    assert document.page_ends == ()
    assert page_of(2, document.page_ends) is None


def test_pages_end_where_the_searched_text_does() -> None:
    document = kept("x" * 100, "y" * SEARCHED_CHARACTERS, "never searched").indexed()
    assert len(document.text) == SEARCHED_CHARACTERS
    assert document.page_ends == (102, SEARCHED_CHARACTERS)
