"""However often a submission is sent, it has one effect."""

import asyncio

from tests.support import files
from tests.support.visitor import Visitor, fresh_key


async def test_a_repeated_post_with_the_same_key_gives_the_same_answer_and_one_mail(visitor: Visitor) -> None:
    key = fresh_key()
    first = await visitor.send(key=key)
    again = await visitor.send(key=key)
    assert again.id == first.id
    assert again.body == first.body
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await visitor.ended(first.id))["status"] == "done"
    late = await visitor.send(key=key)
    assert late.id == first.id
    assert [mail["To"] for mail in visitor.mails(first.id)] == ["owner@localhost.localdomain", "ada@visitor.example"]


async def test_a_repeated_post_with_files_keeps_one_set_of_objects(visitor: Visitor) -> None:
    key, sent = fresh_key(), [("a.pdf", files.pdf("Anchor")), ("b.txt", b"Buoy")]
    first = await visitor.send(files=sent, key=key)
    kept = await visitor.staged(first.id)
    assert len(kept) == 2
    again = await visitor.send(files=sent, key=key)
    assert again.id == first.id
    assert await visitor.staged(first.id) == kept


async def test_twenty_at_once_with_the_same_key_are_one_submission(visitor: Visitor) -> None:
    key, sent = fresh_key(), [("a.txt", b"Twenty times the same lantern."), ("b.txt", b"And the same keel.")]
    answers = await asyncio.gather(*(visitor.send(files=sent, key=key) for _ in range(20)))
    assert len({answer.id for answer in answers}) == 1
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers].count(None) == 1
    submission = answers[0].id
    assert (await visitor.ended(submission))["status"] == "done"
    assert len(await visitor.staged(submission)) == 2
    assert len(visitor.mails(submission)) == 2
    assert len(await visitor.found("", contact_id=submission)) == 3


async def test_other_content_with_the_same_key_is_refused_and_reveals_nothing(visitor: Visitor) -> None:
    key, sent = fresh_key(), [("a.txt", b"Ahoy")]
    first = await visitor.send(files=sent, key=key)
    for other in (
        await visitor.send({"message": "Something else."}, sent, key=key),
        await visitor.send(files=[("a.txt", b"Other bytes")], key=key),
        await visitor.send(files=[*sent, ("b.txt", b"One more")], key=key),
        await visitor.send(key=key),
    ):
        assert other.status == 422
        assert first.id not in other.text + str(other.headers)
    assert len(await visitor.staged(first.id)) == 1


async def test_the_hidden_token_of_the_form_is_a_key_too(visitor: Visitor) -> None:
    token = fresh_key()
    first = await visitor.send({"token": token}, [("a.txt", b"Ahoy")])
    again = await visitor.send({"token": token}, [("a.txt", b"Ahoy")])
    assert again.id == first.id
    assert len(await visitor.staged(first.id)) == 1


async def test_the_same_key_at_two_forms_is_two_submissions(visitor: Visitor) -> None:
    key = fresh_key()
    first, second = await visitor.send(key=key), await visitor.send(key=key, params={"form": "jobs"})
    assert first.id != second.id


async def test_without_a_key_the_same_message_twice_is_two_submissions(visitor: Visitor) -> None:
    first, second = await visitor.send(), await visitor.send()
    assert first.id != second.id


async def test_a_key_that_can_be_guessed_is_refused(visitor: Visitor) -> None:
    for key in ("short", "x" * 256):
        assert (await visitor.send(key=key)).status == 400
    assert (await visitor.send({"token": "short"})).wrong_fields == ["token"]
