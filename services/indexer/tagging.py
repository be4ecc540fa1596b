"""What the rules that count say of a kept text: at first, after a change of rules, and when that is taken back."""

from dataclasses import replace
from email.utils import getaddresses

from libs.events.catalogue import MESSAGE, DocumentTagged, SubmissionCreated
from services.indexer.active_rules import Active
from services.indexer.rule_file import SHORT_NAMES
from services.indexer.tags import Reason
from services.indexer.texts import KeptText, Outcome

MESSAGE_TYPE = "message"
"""The type of the message itself, whatever rules say of its words."""
EARLIER_MOST = 20
"""Changes that can be taken back."""


def is_outdated(text: KeptText, active: Active) -> bool:
    """Whether it was tagged with other rules than `active`, and not with newer ones."""
    if active.version in (text.rules, text.restored):
        return False
    return max(revision_of(text.rules), revision_of(text.restored)) <= active.revision


def tagged(text: KeptText, active: Active) -> KeptText:
    """`text` with what the rules say of it."""
    return text.model_copy(update=vars(_said(text, active)))


def anew(text: KeptText, active: Active) -> KeptText | None:
    """`text` as it is to be now that other rules count than those it was tagged with; None when nothing changes.

    Rules that are taken back give a document what it had before, whatever the rules would say of it now; and what they
    did not touch stays as it is. A document that came in between is tagged by the rules that count again.
    """
    if not is_outdated(text, active):
        return None
    if active.undoes:
        made = revision_of(text.rules)
        if made < active.undoes:
            return None
        if made == active.undoes and text.earlier:
            before = text.earlier[-1]
            return _changed(text, before, text.earlier[:-1], active.version)
    outcome = _said(text, active)
    if (outcome.tags, outcome.document_type) == (text.tags, text.document_type):
        return None
    before = Outcome(rules=text.rules, document_type=text.document_type, tags=text.tags, reasons=text.reasons)
    return _changed(text, outcome, (*text.earlier, before)[-EARLIER_MOST:], "")


def again(text: KeptText, before: KeptText) -> KeptText:
    """`text`, which is another reading of the same generation, with the tags of `before` and all that led to them."""
    names = (*Outcome.model_fields, "revision", "earlier", "restored")
    return text.model_copy(update={name: getattr(before, name) for name in names})


def as_told(text: KeptText, event: DocumentTagged) -> KeptText:
    """`text` with the tags that an event tells, where what was kept of them is lost; of the reasons, those that fit."""
    reasons = tuple(reason for reason in text.reasons if reason.tag in event.tags)
    said = Outcome(rules=event.rules, document_type=event.document_type, tags=event.tags, reasons=reasons)
    return text.model_copy(update={**dict(said), "revision": event.revision})


def completed(text: KeptText, submission: SubmissionCreated) -> KeptText:
    """`text` with what rules ask for and texts of old do not hold."""
    kinds = {one.number: one.content_type for one in submission.attachments} | {MESSAGE: "text/plain"}
    known = text.content_type or kinds.get(text.number, "")
    return text.model_copy(update={"sender": text.sender or submission.email, "content_type": known})


def is_complete(text: KeptText) -> bool:
    """Whether it holds all that rules ask for."""
    return bool(text.sender and text.content_type)


def revision_of(version: str) -> int:
    """The revision in a version of rules; 0 where there is none."""
    return int(version.partition("-")[0] or 0)


def _changed(text: KeptText, outcome: Outcome, earlier: tuple[Outcome, ...], restored: str) -> KeptText:
    update = {"revision": text.revision + 1, "earlier": earlier, "restored": restored}
    return text.model_copy(update={**dict(outcome), **update})


def _said(text: KeptText, active: Active) -> Outcome:
    senders = [text.sender]
    if text.content_type in SHORT_NAMES["mail"]:
        senders += [address for _, address in getaddresses([text.author]) if "@" in address]
    if text.number != MESSAGE:
        found = active.rules.apply("\n\n".join(text.pages), text.filename, text.content_type, text.language, senders)
        return _outcome(active, found.document_type, found.tags, found.reasons)
    words = f"{text.title}\n{text.pages[0]}"
    found = active.rules.apply(words, text.filename, "text/plain", text.language, senders)
    reasons = tuple(replace(reason, document_type="") for reason in found.reasons)
    return _outcome(active, MESSAGE_TYPE, found.tags, reasons)


def _outcome(active: Active, kind: str, tags: tuple[str, ...], reasons: tuple[Reason, ...]) -> Outcome:
    """Not validated: it is our own, and this is done for each message of a replay."""
    return Outcome.model_construct(rules=active.version, document_type=kind, tags=tags, reasons=reasons)
