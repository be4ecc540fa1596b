"""Changed tag rules: tried on everything, applied, seen with their reasons, kept through replays, and taken back."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from letterbox.local.home import REPOSITORY
from libs.index.protocol import Filters, Query
from libs.index.tantivy import TantivyIndex
from services.indexer import texts
from tests.flow.test_replay import everything
from tests.flow.test_verify import clean, record, stream
from tests.support import files
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

OLD = """
[[rule]]
name = "lamps"
version = 1
tag = "lamp"
document_type = "lamp list"
words = ["lantern", "lighthouse"]

[[rule]]
name = "angry"
tag = "complaint"
words = ["refund"]
"""
NEW = """
[[rule]]
name = "lamps"
version = 2
tag = "lamp"
document_type = "lamp"
words = ["lantern"]

[[rule]]
name = "expensive"
tag = "large amount"
amount_at_least = 1000
content_types = ["pdf"]

[[rule]]
name = "angry"
tag = "complaint"
words = ["refund"]

[[rule]]
name = "from the harbour"
tag = "harbour"
senders = ["harbour.example"]
"""
HARBOUR = {"email": "Mole@quay.harbour.example", "message": "Please look at this. A refund would be fine."}


@pytest.fixture(scope="module")
async def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the old rules, which the stack is started with, and the new ones."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "old.toml").write_text(OLD, encoding="utf-8")
    (folder / "new.toml").write_text(NEW, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
async def keeper(rules: Path) -> AsyncIterator[Visitor]:
    """A visitor of a stack of its own."""
    environment = {"ingest": RATES_OFF, "indexer": {"LETTERBOX_RULES_PATH": str(rules / "old.toml")}}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        yield visitor


async def sent(visitor: Visitor, fields: dict[str, str] | None = None, *texts_of_files: str) -> str:
    """A submission that has been indexed, and is in the record."""
    attachments = [(f"{n}.pdf", files.pdf(text)) for n, text in enumerate(texts_of_files, 1)]
    submission = (await visitor.send(fields, files=attachments)).id
    assert (await visitor.ended(submission))["status"] == "done"

    async def recorded() -> bool:
        async with record(visitor) as sql:
            count = "select count(*) from document_states where submission_id = $1 and status = 'indexed'"
            return await sql.fetchval(count, submission) == 1 + len(texts_of_files)

    await eventually(recorded)
    return submission


async def tags(visitor: Visitor, submission: str) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Type and tags of each of its documents: the record, the index and the kept text say the same."""

    async def agreed() -> dict[str, tuple[str, tuple[str, ...]]] | None:
        async with record(visitor) as sql:
            rows = await sql.fetch(
                "select number, document_type, tags from search_documents where contact_id = $1", submission
            )
        told = {row["number"]: (row["document_type"], tuple(row["tags"])) for row in rows}
        index = TantivyIndex(visitor.stack.home.path / "index")
        hits = (await index.search(Query("", Filters(contact_id=(submission,)), limit=100))).hits
        await index.close()
        found = {hit.document_id.split("-")[1]: (hit.document_type, hit.tags) for hit in hits}
        kept = [await texts.load(visitor.objects, texts.text_key(submission, number, 1)) for number in told]
        same = told == found == {text.number: (text.document_type, text.tags) for text in kept}
        return told if same else None

    return await eventually(agreed)


async def document(visitor: Visitor, document_id: str) -> Any:
    headers = {"Authorization": f"Bearer {visitor.stack.owner_key}"}
    answer = await visitor.ask("GET", f"/documents/{document_id}", headers=headers)
    assert answer.status == 200, answer.text
    return answer.body


def comparable(state: dict[str, Any]) -> dict[str, Any]:
    """What is left of everything when what tells of the changes themselves is left out."""
    state["objects"] = sorted(key for key, _ in state["objects"] if not key.startswith("rules/"))
    state["journey"] = [row for row in state["journey"] if row["type"] != "document.tagged"]
    for row in state["document_states"]:
        for name in ("tags_revision", "tags_generation", "tagged"):
            del row[name]
    return state


async def test_rules_are_tried_applied_explained_kept_and_taken_back(keeper: Visitor, rules: Path) -> None:
    stack, new = keeper.stack, str(rules / "new.toml")
    first = await sent(keeper, HARBOUR, "A lantern for 1.234,56 EUR", "The lighthouse")
    second = await sent(keeper, {"message": "Nothing about lamps."}, "A lantern for $ 999.00")
    before = {
        "0": ("message", ("complaint",)), "1": ("lamp list", ("lamp",)), "2": ("lamp list", ("lamp",)),
    }  # fmt: skip
    assert await tags(keeper, first) == before
    assert await tags(keeper, second) == {"0": ("message", ()), "1": ("lamp list", ("lamp",))}
    hits = {hit["document_id"]: hit["tags"] for hit in await keeper.found("", contact_id=[first])}
    assert hits[f"{first}-0"] == ["complaint"]  # a message's tags are in the record, too
    await clean(keeper)
    state = comparable(await everything(keeper))

    tried = await letterbox(stack, "rules", "test", new, "--json")
    assert tried.status == 4, tried.err
    assert (tried.json["looked_at"], tried.json["changed"]) == (5, 4)
    assert tried.json["types"] == {"lamp list -> document": 1, "lamp list -> lamp": 2}
    counted = {name: (moves["gain"], moves["lose"]) for name, moves in tried.json["tags"].items()}
    assert counted == {"harbour": (3, 0), "lamp": (0, 1), "large amount": (1, 0)}
    assert tried.json["tags"]["lamp"]["samples"] == [f"{first}-2"]
    by_rule = {name: (moves["gain"], moves["lose"]) for name, moves in tried.json["rules"].items()}
    assert by_rule == {
        "expensive (1)": (1, 0), "from the harbour (1)": (3, 0), "lamps (1)": (0, 3), "lamps (2)": (2, 0),
    }  # fmt: skip
    some = await letterbox(stack, "rules", "test", new, "--json", "--limit", "2")
    assert some.json["looked_at"] == 2
    old = await letterbox(stack, "rules", "test", new, "--json", "--until", "2020-01-01")
    assert (old.status, old.json["looked_at"]) == (0, 0)
    assert comparable(await everything(keeper)) == state  # nothing is changed by trying

    applied = await letterbox(stack, "rules", "apply", new, "--json")
    assert applied.status == 0, applied.err
    assert applied.json == tried.json  # it does what it said it would
    after = {
        "0": ("message", ("complaint", "harbour")),
        "1": ("lamp", ("harbour", "lamp", "large amount")),
        "2": ("document", ("harbour",)),
    }
    assert await tags(keeper, first) == after
    assert await tags(keeper, second) == {"0": ("message", ()), "1": ("lamp", ("lamp",))}
    assert (await letterbox(stack, "rules", "test", new)).status == 0

    body = await document(keeper, f"{first}-1")
    assert (body["document_type"], body["tags"]) == ("lamp", ["harbour", "lamp", "large amount"])
    assert body["reasons"] == [
        {"tag": "lamp", "rule": "lamps", "version": 2, "words": ["lantern"], "document_type": "lamp"},
        {"tag": "large amount", "rule": "expensive", "version": 1, "words": ["1.234,56 EUR"]},
        {"tag": "harbour", "rule": "from the harbour", "version": 1, "words": ["mole@quay.harbour.example"]},
    ]
    between = await sent(keeper, {"message": "refund"}, "A lighthouse without words", "The lantern costs $ 2,000.00")
    now = {
        "0": ("message", ("complaint",)), "1": ("document", ()), "2": ("lamp", ("lamp", "large amount")),
    }  # fmt: skip
    assert await tags(keeper, between) == now  # without a restart

    for service in ("indexer", "storage"):
        for effects in ([], ["--effects"]):
            assert (await letterbox(stack, "replay", service, *effects)).status == 0
            assert await tags(keeper, first) == after
    assert (await letterbox(stack, "reindex")).status == 0
    assert await tags(keeper, first) == after
    assert await tags(keeper, between) == now
    await clean(keeper)
    no_words = await events_of(keeper, "document.tagged.>")
    assert len(no_words) == 4
    assert not [body for body in no_words if b"lantern" in body or b"1.234" in body or b"mole" in body]

    undone = await letterbox(stack, "rules", "undo", "--json")
    assert undone.status == 0, undone.err
    assert await tags(keeper, first) == before
    assert await tags(keeper, second) == {"0": ("message", ()), "1": ("lamp list", ("lamp",))}
    assert await tags(keeper, between) == {
        "0": ("message", ("complaint",)), "1": ("lamp list", ("lamp",)), "2": ("lamp list", ("lamp",)),
    }  # fmt: skip
    assert (await document(keeper, f"{first}-1"))["reasons"] == [
        {"tag": "lamp", "rule": "lamps", "version": 1, "words": ["lantern"], "document_type": "lamp list"}
    ]
    assert (await letterbox(stack, "rules", "test", str(rules / "old.toml"))).status == 0
    assert (await letterbox(stack, "reindex")).status == 0
    assert await tags(keeper, first) == before
    left = comparable(await everything(keeper))
    for table in ("contact_submissions", "documents", "document_states", "journey", "sent_mails"):
        ours = [row for row in left[table] if between not in json.dumps(row)]
        assert ours == state[table]  # nothing else was changed
    assert [key for key in left["objects"] if between not in key] == state["objects"]
    await clean(keeper)


async def test_an_interrupted_apply_goes_on_and_applies_are_taken_back_one_by_one(keeper: Visitor, rules: Path) -> None:
    stack, new = keeper.stack, str(rules / "new.toml")
    third = rules / "third.toml"
    third.write_text(NEW.replace('tag = "harbour"', 'tag = "port"'), encoding="utf-8")
    submission = await sent(keeper, HARBOUR, "A lantern")
    known = len((await letterbox(stack, "rules", "list", "--json")).json["revisions"])
    await stack.stop("indexer")
    begun = await begin(keeper, "rules", "apply", new)

    async def handed_over() -> bool:
        return bool(await events_of(keeper, f"redrive.indexer-index.submission.stored.{submission}"))

    await eventually(handed_over)
    begun.send_signal(signal.SIGINT)
    assert await begun.wait() == 130
    await stack.start("indexer")
    assert not (await letterbox(stack, "rules", "list", "--json")).json["revisions"][-1]["finished"]
    assert (await letterbox(stack, "rules", "apply", new)).status == 0
    listed = (await letterbox(stack, "rules", "list", "--json")).json
    assert [one["revision"] for one in listed["revisions"]][known:] == [known + 1]
    assert listed["revisions"][-1]["finished"]
    assert {"name": "lamps", "version": 2, "tag": "lamp", "document_type": "lamp"} in listed["rules"]
    assert (await tags(keeper, submission))["0"] == ("message", ("complaint", "harbour"))
    assert (await letterbox(stack, "rules", "apply", str(third))).status == 0
    assert (await tags(keeper, submission))["0"] == ("message", ("complaint", "port"))
    await stack.stop("indexer")
    await stack.start("indexer")
    between = await sent(keeper, HARBOUR)
    assert (await tags(keeper, between))["0"] == ("message", ("complaint", "port"))  # a restart changes nothing
    for expected in ("harbour", ""):
        assert (await letterbox(stack, "rules", "undo")).status == 0
        told = tuple(filter(None, ("complaint", expected)))
        assert (await tags(keeper, submission))["0"] == ("message", told)
        assert (await tags(keeper, between))["0"] == ("message", told)
    refused = await letterbox(stack, "rules", "undo")
    assert refused.status == 1
    assert "There is nothing to take back" in refused.err
    await clean(keeper)


async def test_a_document_that_is_read_again_has_the_tags_of_the_rules_that_count(keeper: Visitor, rules: Path) -> None:
    submission = await sent(keeper, HARBOUR, "A lantern")
    assert (await letterbox(keeper.stack, "rules", "apply", str(rules / "new.toml"))).status == 0
    assert (await letterbox(keeper.stack, "reindex", "--extract")).status == 0
    hits = {hit["document_id"]: hit for hit in await keeper.found("", contact_id=[submission])}
    assert hits[f"{submission}-1"]["tags"] == ["harbour", "lamp"]
    assert (await document(keeper, f"{submission}-1"))["provenance"]["generation"] == 2
    assert (await letterbox(keeper.stack, "rules", "undo")).status == 0

    async def back() -> bool:
        found = {hit["document_id"]: hit["tags"] for hit in await keeper.found("", contact_id=[submission])}
        return found == {f"{submission}-0": ["complaint"], f"{submission}-1": ["lamp"]}

    await eventually(back)
    await clean(keeper)


async def test_a_kept_text_that_is_lost_comes_back_with_its_changed_tags(keeper: Visitor, rules: Path) -> None:
    submission = await sent(keeper, HARBOUR, "A lantern")
    assert (await letterbox(keeper.stack, "rules", "apply", str(rules / "new.toml"))).status == 0
    after = {"0": ("message", ("complaint", "harbour")), "1": ("lamp", ("harbour", "lamp"))}
    assert await tags(keeper, submission) == after
    await keeper.objects.erase(f"text/{submission}/")
    for durable in ("indexer-extract", "indexer-index"):
        replayed = await letterbox(keeper.stack, "replay", durable, "--submission", submission)
        assert replayed.status == 0, replayed.err
    assert await tags(keeper, submission) == after
    assert (await texts.load(keeper.objects, texts.text_key(submission, "1", 1))).revision == 1
    assert (await letterbox(keeper.stack, "rules", "undo")).status == 0
    assert await tags(keeper, submission) == {"0": ("message", ("complaint",)), "1": ("lamp list", ("lamp",))}
    await clean(keeper)


async def test_a_rules_file_that_cannot_be_used_is_refused_in_one_sentence(keeper: Visitor, rules: Path) -> None:
    wrong = rules / "wrong.toml"
    wrong.write_text('[[rule]]\nname = "lamps"\ntag = "lamp"\nwrods = ["x"]\n', encoding="utf-8")
    for verb in ("test", "apply"):
        refused = await letterbox(keeper.stack, "rules", verb, str(wrong))
        assert (refused.status, refused.out) == (2, "")
        assert refused.err == f"{wrong}: rule 'lamps': wrods: Extra inputs are not permitted\n"


async def begin(visitor: Visitor, *arguments: str) -> asyncio.subprocess.Process:
    """The command, running."""
    environment = {**os.environ, "LETTERBOX_HOME": str(visitor.stack.home.path)}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "letterbox", *arguments, env=environment, cwd=REPOSITORY
    )


async def events_of(visitor: Visitor, subject: str) -> list[bytes]:
    """The bodies of all events that match."""
    async with stream(visitor) as js:
        subscription = await js.subscribe(subject, ordered_consumer=True)
        info = await subscription.consumer_info()
        count = (info.num_pending or 0) + info.delivered.consumer_seq  # some are on their way already
        return [(await subscription.next_msg(timeout=10)).data for _ in range(count)]
