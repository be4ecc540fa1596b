"""Held submissions: kept and found like any other; the mails wait for the owner."""

import pytest

from tests.support.command import letterbox
from tests.support.visitor import Visitor, eventually


async def hold(visitor: Visitor) -> str:
    """A submission that was held, and read."""
    submission = (await visitor.send({"message": "I am surely no robot.", "website": "spam.example"})).id
    assert (await visitor.ended(submission))["status"] == "held"
    return submission


async def test_a_released_submission_goes_on_where_it_stopped(visitor: Visitor) -> None:
    submission = await hold(visitor)
    listed = await letterbox(visitor.stack, "held", "list", "--json")
    assert submission in {row["id"] for row in listed.json}
    assert visitor.mails(submission) == []
    for _ in range(2):  # the same decision twice is the same decision
        released = await letterbox(visitor.stack, "held", "release", submission)
        assert released.status == 0, released.err

    async def done() -> bool:
        return (await visitor.journey(submission))["status"] == "done"

    await eventually(done)
    assert len(visitor.mails(submission)) == 2
    refused = await letterbox(visitor.stack, "held", "reject", submission)
    assert refused.status == 1
    assert "released already" in refused.err

    async def unlisted() -> bool:
        rows = (await letterbox(visitor.stack, "held", "list", "--json")).json
        return submission not in {row["id"] for row in rows}

    await eventually(unlisted)


async def test_a_rejected_submission_ends_there(visitor: Visitor) -> None:
    submission = await hold(visitor)
    assert (await letterbox(visitor.stack, "held", "reject", submission)).status == 0
    assert (await visitor.journey(submission))["status"] == "rejected"
    assert (await letterbox(visitor.stack, "held", "release", submission)).status == 1
    assert visitor.mails(submission) == []


@pytest.mark.parametrize("verb", ["release", "reject"])
async def test_only_what_is_held_can_be_decided(visitor: Visitor, verb: str) -> None:
    submission = (await visitor.send()).id
    for one, why in ((submission, "not held"), ("0" * 32, "no such")):
        done = await letterbox(visitor.stack, "held", verb, one)
        assert done.status == 1
        assert why in done.err
