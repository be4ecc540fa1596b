"""What changed rules make of a kept text, and what taking them back makes of it."""

from datetime import UTC, datetime

import pytest

from libs.events.catalogue import Attachment, DocumentTagged, SubmissionCreated
from services.indexer import tagging
from services.indexer.active_rules import Active
from services.indexer.tags import Reason, Rules
from services.indexer.texts import KeptText

SID = "0123456789abcdef" * 2
WHEN = datetime(2026, 11, 3, 9, 30, tzinfo=UTC)


def active(tag: str, revision: int = 0, undoes: int = 0) -> Active:
    """Rules that give `tag` to a lantern."""
    toml = f'[[rule]]\nname = "lamps"\ntag = "{tag}"\ndocument_type = "{tag} list"\nwords = ["lantern"]\n'
    return Active(Rules.parse(toml, "rules"), revision, undoes)


def text(words: str = "A lantern", number: str = "1", **more: object) -> KeptText:
    fields = {
        "submission_id": SID, "number": number, "generation": 1, "filename": "a.pdf", "contact_name": "Ada",
        "created_at": WHEN, "size": 1, "pages": (words,), "sender": "ada@visitor.example",
        "content_type": "application/pdf",
    }  # fmt: skip
    return KeptText(**{**fields, **more})  # type: ignore[arg-type]


def changed(before: KeptText, rules: Active) -> KeptText:
    after = tagging.anew(before, rules)
    assert after is not None
    return after


def said(kept: KeptText) -> tuple[str, tuple[str, ...], tuple[Reason, ...]]:
    return kept.document_type, kept.tags, kept.reasons


def test_a_change_is_counted_and_remembers_what_was_before() -> None:
    first = tagging.tagged(text(), active("lamp"))
    second = changed(first, active("light", 1))
    assert (second.document_type, second.tags, second.revision) == ("light list", ("light",), 1)
    assert second.rules == active("light", 1).version
    assert [(one.tags, one.rules) for one in second.earlier] == [(("lamp",), active("lamp").version)]
    assert tagging.anew(second, active("light", 1)) is None


def test_what_stays_the_same_is_no_change() -> None:
    first = tagging.tagged(text("A buoy"), active("lamp"))
    assert tagging.anew(first, active("light", 1)) is None
    assert tagging.anew(tagging.tagged(text(), active("lamp")), active("lamp", 1)) is None


def test_older_rules_change_nothing() -> None:
    newest = tagging.tagged(text(), active("light", 3))
    assert tagging.anew(newest, active("lamp", 2)) is None


def test_taking_back_gives_a_document_exactly_what_it_had() -> None:
    odd = text(document_type="odd", tags=("by hand",), reasons=(Reason("by hand", "nobody"),))
    second = changed(odd, active("light", 1))
    back = changed(second, active("lamp", 2, undoes=1))
    assert said(back) == said(odd)
    assert (back.revision, back.earlier) == (2, ())
    assert tagging.anew(back, active("lamp", 2, undoes=1)) is None


def test_what_the_rules_that_are_taken_back_did_not_touch_stays() -> None:
    untouched = tagging.tagged(text(), active("other"))
    assert tagging.anew(untouched, active("lamp", 2, undoes=1)) is None


def test_a_document_that_came_in_between_is_tagged_by_the_rules_that_count_again() -> None:
    between = tagging.tagged(text(), active("light", 1))
    assert changed(between, active("lamp", 2, undoes=1)).tags == ("lamp",)


def test_changes_are_taken_back_one_by_one_the_last_first() -> None:
    first = tagging.tagged(text(), active("one"))
    third = changed(changed(first, active("two", 1)), active("three", 2))
    back = changed(third, active("two", 3, undoes=2))
    assert back.tags == ("two",)
    assert said(changed(back, active("one", 4, undoes=1))) == said(first)
    late = tagging.tagged(text(), active("two", 3, undoes=2))
    assert changed(late, active("one", 4, undoes=1)).tags == ("one",)


def test_rules_that_were_taken_back_can_be_applied_again() -> None:
    first = tagging.tagged(text(), active("lamp"))
    back = changed(changed(first, active("light", 1)), active("lamp", 2, undoes=1))
    again = changed(back, active("light", 3))
    assert (again.tags, again.revision) == (("light",), 3)
    assert said(changed(again, active("lamp", 4, undoes=3))) == said(first)


def test_a_message_stays_a_message() -> None:
    message = tagging.tagged(text(number="0", title="My lantern", filename="message"), active("lamp"))
    assert (message.document_type, message.tags) == ("message", ("lamp",))
    assert message.reasons == (Reason("lamp", "lamps", 1, "", ("lantern",)),)


def test_the_author_of_a_mail_is_its_sender_too() -> None:
    rules = Active(Rules.parse('[[rule]]\nname = "a"\ntag = "a"\nsenders = ["sea.example"]\n', "rules"))
    mail = text(author="Mole <mole@sea.example>", content_type="message/rfc822")
    assert tagging.tagged(mail, rules).tags == ("a",)
    assert tagging.tagged(text(author="Mole <mole@sea.example>"), rules).tags == ()


def test_another_reading_of_the_same_generation_keeps_its_tags_and_their_past() -> None:
    second = changed(tagging.tagged(text(), active("lamp")), active("light", 1))
    again = tagging.again(text("A lantern, read better"), second)
    assert (again.pages, again.revision, again.earlier) == (("A lantern, read better",), 1, second.earlier)
    assert said(again) == said(second)


def test_what_is_lost_of_a_kept_text_is_made_again_from_what_was_told() -> None:
    told = DocumentTagged(
        submission_id=SID, number="1", revision=4, tags=("light", "old"), document_type="x", rules="7-abc"
    )
    made = tagging.as_told(tagging.tagged(text(), active("light", 9)), told)
    assert (made.document_type, made.tags, made.revision, made.rules) == ("x", ("light", "old"), 4, "7-abc")
    assert [reason.tag for reason in made.reasons] == ["light"]


@pytest.mark.parametrize(("number", "kind"), [("0", "text/plain"), ("1", "image/png"), ("1-2", "")])
def test_an_old_text_is_completed_from_what_the_visitor_sent(number: str, kind: str) -> None:
    attachment = Attachment(number="1", object_key="k", filename="f", content_type="image/png", size=1, sha256="0" * 64)
    created = SubmissionCreated(
        submission_id=SID, form="contact", created_at=WHEN, name="Ada", email="ada@visitor.example", message="Hi",
        attachments=(attachment,),
    )  # fmt: skip
    old = text(number=number, sender="", content_type="")
    assert not tagging.is_complete(old)
    completed = tagging.completed(old, created)
    assert (completed.sender, completed.content_type) == ("ada@visitor.example", kind)
