"""The owner's door to what waits: held submissions, dead letters, erasure; as JSON and as a page."""

from typing import Any

import nats

from libs.events.catalogue import SubmissionStored
from libs.events.envelope import headers_for
from tests.support.visitor import Answer, Visitor, eventually


async def ask(visitor: Visitor, method: str, path: str, **more: Any) -> Answer:
    """A request with the owner's key."""
    return await visitor.ask(method, path, headers={"Authorization": f"Bearer {visitor.stack.owner_key}"}, **more)


async def hold(visitor: Visitor) -> str:
    submission = (await visitor.send({"subject": "Held <b>up</b>", "website": "spam.example"})).id
    assert (await visitor.ended(submission))["status"] == "held"
    return submission


async def test_held_submissions_are_listed_and_decided(visitor: Visitor) -> None:
    released, rejected = await hold(visitor), await hold(visitor)
    page = await ask(visitor, "GET", "/search/inbox")
    assert released in page.text
    assert "Held &lt;b&gt;up&lt;/b&gt;" in page.text
    listed = await ask(visitor, "GET", "/submissions/held")
    assert {released, rejected} <= {one["contact_id"] for one in listed.body["held"]}
    assert (await ask(visitor, "POST", f"/submissions/{released}/release")).status == 202
    pressed = await ask(visitor, "POST", "/search/inbox", data={"verb": "reject", "submission": rejected})
    assert pressed.status == 303
    assert (await ask(visitor, "POST", f"/submissions/{rejected}/release")).status == 409
    assert (await visitor.journey(rejected))["status"] == "rejected"

    async def told() -> bool:
        return len(visitor.mails(released)) == 2

    await eventually(told)
    assert visitor.mails(rejected) == []


async def test_the_owner_erases_and_gets_a_receipt(visitor: Visitor) -> None:
    submission = (await visitor.send(files=[("a.txt", b"To be erased.")])).id
    await visitor.ended(submission)
    asked = await ask(visitor, "POST", f"/submissions/{submission}/erase")
    assert asked.status == 202

    async def final() -> Any:
        receipt = await ask(visitor, "GET", asked.body["receipt"])
        return receipt.body if receipt.status == 200 and receipt.body["final"] else None

    receipt = await eventually(final)
    assert set(receipt["removed"]) == {"storage", "indexer", "notifier", "stream"}
    assert receipt["removed"]["indexer"] == {"index entries": 2, "texts": 2, "found files": 0, "previews": 0}
    assert receipt["mails_that_went_out"] == ["owner", "sender"]
    assert "Backups" in receipt["backups"]
    assert await visitor.found("", contact_id=submission) == []
    assert (await ask(visitor, "GET", f"/documents/{submission}-1")).status == 404
    assert (await ask(visitor, "POST", f"/submissions/{'0' * 32}/erase")).status == 404
    assert (await ask(visitor, "GET", f"/submissions/{'0' * 32}/erasure")).status == 404
    unsure = await ask(visitor, "POST", "/search/inbox", data={"verb": "erase", "submission": submission})
    assert unsure.status == 422


async def test_dead_letters_are_shown_by_cause_and_dropped(visitor: Visitor) -> None:
    stack = visitor.stack
    nc = await nats.connect(
        stack.address("nats"), user="operator", password=stack.secret("nats-operator"), inbox_prefix=b"_INBOX_operator"
    )
    for number in range(2):
        event = SubmissionStored(submission_id=f"{number}" * 32, attachments=0)
        headers = headers_for(event, f"forged-{number}", "test")
        await nc.jetstream().publish(f"redrive.notifier-mail.{event.subject}", b"<script>", headers=headers)
    await nc.close()

    async def both() -> list[dict[str, Any]] | None:
        letters = (await ask(visitor, "GET", "/dead-letters")).body["dead_letters"]
        return letters if len(letters) == 2 else None

    letters = await eventually(both)
    assert {letter["durable"] for letter in letters} == {"notifier-mail"}
    assert len({letter["cause"] for letter in letters}) == 1
    page = await ask(visitor, "GET", "/search/inbox")
    assert "2 × notifier-mail" in page.text
    assert "<script>" not in page.text
    await ask(visitor, "POST", "/search/inbox", data={"verb": "retry", "all": "yes"})
    old = {letter["number"] for letter in letters}

    async def given_up_on_again() -> list[dict[str, Any]] | None:
        found = await both()
        return found if found and not old & {letter["number"] for letter in found} else None

    letters = await eventually(given_up_on_again)
    bad = await ask(visitor, "POST", "/dead-letters/drop", json={"which": "all"})
    assert bad.status == 422
    one = await ask(visitor, "POST", "/dead-letters/drop", json={"numbers": [letters[0]["number"]]})
    assert one.body == {"settled": 1}
    rest = await ask(visitor, "POST", "/dead-letters/drop", json={"durable": "notifier-mail"})
    assert rest.body == {"settled": 1}
    assert (await ask(visitor, "GET", "/dead-letters")).body == {"dead_letters": []}


async def test_strangers_decide_nothing(visitor: Visitor) -> None:
    for method, path in (
        ("GET", "/submissions/held"),
        ("GET", "/dead-letters"),
        ("POST", "/dead-letters/retry"),
        ("POST", f"/submissions/{'0' * 32}/erase"),
        ("POST", f"/submissions/{'0' * 32}/release"),
    ):
        assert (await visitor.ask(method, path, json={})).status == 401
