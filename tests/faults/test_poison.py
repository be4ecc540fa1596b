"""Messages that kill or break their handler: the others go on, and they wait as dead letters until a person decides."""

import json
from collections.abc import AsyncIterator
from typing import Any

import nats
import pytest

from libs.events.catalogue import SubmissionStored
from libs.events.envelope import headers_for
from libs.events.streams import INDEXER_EXTRACT, STREAM, consumer_config
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

POISON = "application/x-letterbox-poison"


@pytest.fixture(scope="module")
async def victim() -> AsyncIterator[Visitor]:
    """A visitor of a supervised stack whose storage dies over a message with the poison word."""
    environment = {"ingest": RATES_OFF, "notifier": {"LETTERBOX_FAILPOINT": "poison"}}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        yield visitor


async def letters(visitor: Visitor) -> list[dict[str, Any]]:
    return json.loads((await letterbox(visitor.stack, "dead-letters", "list", "--json")).out)


async def operator(visitor: Visitor) -> Any:
    return await nats.connect(
        visitor.stack.address("nats"), user="operator", password=visitor.stack.secret("nats-operator"),
        inbox_prefix=b"_INBOX_operator",
    )  # fmt: skip


async def test_a_message_that_is_no_event_waits_until_it_is_retried_or_dropped(victim: Visitor) -> None:
    nc = await operator(victim)
    sid = "a" * 32
    event = SubmissionStored(submission_id=sid, attachments=0)
    headers = headers_for(event, "forged", "test") | {"traceparent": f"00-{'1' * 32}-{'2' * 16}-01"}
    await nc.jetstream().publish(f"redrive.notifier-mail.{event.subject}", b"{}", headers=headers)

    async def buried() -> list[dict[str, Any]]:
        return await letters(victim)

    letter = (await eventually(buried))[0]
    assert (letter["durable"], letter["subject"]) == ("notifier-mail", event.subject)
    assert "invalid" in letter["reason"]
    assert letter["trace_id"] == "1" * 32
    shown = await letterbox(victim.stack, "dead-letters", "show", str(letter["number"]))
    assert shown.json["event"] == "{}"
    assert (await letterbox(victim.stack, "dead-letters", "retry", str(letter["number"]))).status == 0

    async def again() -> bool:
        return [one["number"] for one in await letters(victim)] not in ([], [letter["number"]])

    await eventually(again)
    assert (await letterbox(victim.stack, "dead-letters", "drop", "--durable", "notifier-mail")).status == 0
    assert await letters(victim) == []
    assert (await letterbox(victim.stack, "verify", "--grace", "0")).status == 0
    await nc.close()


async def test_a_message_that_kills_its_handlers_process_becomes_a_dead_letter(victim: Visitor) -> None:
    nc, stack = await operator(victim), victim.stack
    hasty = consumer_config(INDEXER_EXTRACT, ack_wait=1.0)
    hasty.max_deliver = 3
    await stack.stop("indexer")
    await nc.jetstream().add_consumer(STREAM, hasty)
    fine = (await victim.send(files=[("fine.txt", b"A fine text.")])).id
    poison = (await victim.send(files=[("bad.txt", b"A bad text.")])).id

    async def stored() -> bool:
        steps = {event["type"] for event in (await victim.journey(poison))["events"]}
        return "document.stored" in steps

    await eventually(stored)
    # Nobody acknowledges the message, as if its handler's process died each time.
    puller = await nc.jetstream().pull_subscribe_bind(INDEXER_EXTRACT.name, stream=STREAM)

    async def exhausted() -> list[dict[str, Any]]:
        try:
            for message in await puller.fetch(10, timeout=0.5):
                if fine in message.subject:
                    await message.nak(delay=0.1)
        except TimeoutError:  # nats-py raises its own, and the plain one
            pass
        return [one for one in await letters(victim) if poison in one["subject"]]

    letter = (await eventually(exhausted))[0]
    assert letter["attempts"] == 3
    assert "died" in letter["reason"]
    hasty.max_deliver = INDEXER_EXTRACT.max_deliver
    await nc.jetstream().add_consumer(STREAM, hasty)
    await stack.start("indexer")
    retried = await letterbox(stack, "dead-letters", "retry", "--cause", "died")
    assert retried.status == 0
    for one in (fine, poison):
        if one == fine and any(fine in letter["subject"] for letter in await letters(victim)):
            await letterbox(stack, "dead-letters", "retry", "--all")
        assert (await victim.ended(one))["status"] == "done"
    assert await letters(victim) == []
    await nc.close()
