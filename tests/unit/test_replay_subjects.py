"""Which part of a durable's subjects a replay reads."""

import pytest

from libs.events.replay import narrowed
from libs.events.streams import INDEXER_EXTRACT, INDEXER_INDEX


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("", ["document.stored.>"]),
        (">", ["document.stored.>"]),
        ("document.>", ["document.stored.>"]),
        ("*.stored.abc.>", ["document.stored.abc.>"]),
        ("document.stored.*.2", ["document.stored.*.2"]),
        ("document.stored.abc.1", ["document.stored.abc.1"]),
        ("document.stored", []),
        ("document.extracted.>", []),
        ("submission.*.abc", []),
    ],
)
def test_a_replay_reads_what_both_the_durable_and_the_operator_name(subject: str, found: list[str]) -> None:
    assert narrowed(INDEXER_EXTRACT, subject=subject) == found


def test_a_submission_is_read_by_its_own_subjects() -> None:
    assert "document.failed.abc.>" in narrowed(INDEXER_INDEX, submission_id="abc")
