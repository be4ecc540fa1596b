"""Parts that die, hang and come back, files that cannot be read: nothing accepted is lost, no mail goes twice."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from letterbox.local.names import SERVICES
from letterbox.local.stack import LocalStack
from libs.postgres.pool import postgres_pool
from tests.support import files
from tests.support.search_servers import postgres_as
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, fresh_key, visiting

BROWSER = {"Accept": "text/html"}
SENT = [("lantern.txt", b"A lantern for the pier.")]


@pytest.fixture(scope="module")
async def unlucky() -> AsyncIterator[Visitor]:
    """A visitor of a stack whose parts are taken away; each test gives them back."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


@asynccontextmanager
async def without(stack: LocalStack, part: str) -> AsyncIterator[None]:
    """`part` is killed; afterwards it is back, and every service has noticed."""
    if part == "postgres":
        await stack.stop(part)  # killed, its children could outlive it and meet the next one in the same files
    else:
        await stack.kill(part)
    try:
        yield
    finally:
        await back(stack, part)


async def back(stack: LocalStack, part: str) -> None:
    """Start `part` again, and wait until every service has what it needs."""
    await stack.start(part)
    await asyncio.gather(*(stack.healthy(name) for name in SERVICES))


async def told_once(visitor: Visitor, submission: str) -> None:
    """The submission's journey ends well, with one mail to the owner and one to the sender."""
    assert (await visitor.ended(submission))["status"] == "done"
    assert [mail["To"] for mail in visitor.mails(submission)] == ["owner@localhost.localdomain", "ada@visitor.example"]


async def test_without_nats_nothing_is_accepted_and_nothing_is_staged(unlucky: Visitor) -> None:
    before = await unlucky.staged()
    async with without(unlucky.stack, "nats"):
        for sent in ([], SENT):
            answer = await unlucky.send(files=sent)
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Content-Type"].startswith("application/problem+json")
        page = await unlucky.send({"message": "Please keep what I typed."}, headers=BROWSER)
        assert page.status == 503
        assert page.headers["Content-Type"].startswith("text/html")
        journey = await unlucky.ask("GET", f"/contact/{'0' * 32}")
        assert journey.status == 503
        assert await unlucky.staged() == before
    await told_once(unlucky, (await unlucky.send(files=SENT)).id)


async def test_a_publish_nobody_knows_the_outcome_of_is_found_out_by_sending_again(unlucky: Visitor) -> None:
    key = fresh_key()
    unlucky.stack.pause("nats")
    try:
        unknown = await unlucky.send(files=SENT, key=key)
    finally:
        unlucky.stack.resume("nats")
    assert unknown.status == 503
    assert "Retry-After" in unknown.headers
    again = await unlucky.send(files=SENT, key=key)
    await told_once(unlucky, again.id)
    assert len(await unlucky.staged(again.id)) == 1


async def test_without_the_object_store_text_is_accepted_and_files_are_not(unlucky: Visitor) -> None:
    before = await unlucky.staged()
    async with without(unlucky.stack, "object-store"):
        text = await unlucky.send()
        for size in (10, 9 << 20):
            refused = await unlucky.send(files=[("a.txt", b"x" * size)])
            assert refused.status == 503
            assert int(refused.headers["Retry-After"]) > 0
            assert "without files" in refused.body["title"]
        page = await unlucky.send({"message": "Please keep what I typed."}, SENT, headers=BROWSER)
        assert page.status == 503
        assert "Please keep what I typed." in page.text
    await told_once(unlucky, text.id)
    assert await unlucky.staged() == before


@pytest.mark.parametrize("part", ["postgres", "mail", "storage", "indexer", "notifier"])
async def test_what_is_sent_while_a_part_is_away_is_finished_when_it_is_back(unlucky: Visitor, part: str) -> None:
    async with without(unlucky.stack, part):
        sent = [await unlucky.send({"message": f"{part} is away"}, SENT) for _ in range(3)]
        await unlucky.journey(sent[0].id)
        assert [answer.status for answer in sent] == [202] * 3

    async def indexed() -> bool:
        """What search shows of a document follows the journey: storage records it from the same events."""
        found = [hit["status"] for one in sent for hit in await unlucky.found("", contact_id=one.id)]
        return found == ["indexed"] * len(sent) * (1 + len(SENT))

    for answer in sent:
        await told_once(unlucky, answer.id)
    await eventually(indexed)


async def test_services_and_servers_that_are_killed_in_the_middle_lose_nothing_and_repeat_no_mail(
    unlucky: Visitor,
) -> None:
    stack = unlucky.stack
    sending = [asyncio.create_task(unlucky.send(files=SENT)) for _ in range(40)]
    for part in ("storage", "indexer", "nats"):
        await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
        await stack.kill(part)
        await back(stack, part)
    accepted = [answer for answer in await asyncio.gather(*sending) if answer.status == 202]
    assert len(accepted) >= 10
    for answer in accepted:
        await told_once(unlucky, answer.id)
        assert len(await unlucky.found("", contact_id=answer.id)) == 2


@asynccontextmanager
async def on_its_way(visitor: Visitor) -> AsyncIterator[str]:
    """A submission whose mail notifier is handing over, to a server that takes connections and never greets."""
    stack = visitor.stack
    stack.pause("mail")
    try:
        sent = (await visitor.send()).id
        async with postgres_pool(postgres_as(stack, "notifier", stack.ports["postgres"])) as pool:
            await eventually(lambda: pool.fetchval("select true from sent_mails where submission_id = $1", sent))
        yield sent
    finally:
        stack.resume("mail")


async def test_a_mail_that_was_not_handed_over_when_notifier_ends_goes_out_later(unlucky: Visitor) -> None:
    async with on_its_way(unlucky) as sent:
        await unlucky.stack.stop("notifier")
    await back(unlucky.stack, "notifier")
    await told_once(unlucky, sent)


async def test_a_mail_that_was_not_handed_over_while_the_ledger_is_away_goes_out_later(unlucky: Visitor) -> None:
    async with on_its_way(unlucky) as sent, without(unlucky.stack, "postgres"):
        await unlucky.stack.kill("mail")
        await asyncio.sleep(2)  # notifier sees the one end, and cannot tell the other
        await unlucky.stack.start("mail")
    await told_once(unlucky, sent)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_no_answered_202_is_lost_when_ingest_ends_while_requests_run(unlucky: Visitor, how: str) -> None:
    stack, ids = unlucky.stack, []

    async def keep_sending() -> None:
        while True:
            try:
                answer = await unlucky.send(files=SENT, at=stack.address("ingest"))
            except aiohttp.ClientError:
                return
            if answer.status == 202:
                ids.append(answer.id)

    senders = [asyncio.create_task(keep_sending()) for _ in range(8)]

    async def some() -> bool:
        return len(ids) >= 20

    await eventually(some)
    await (stack.stop("ingest") if how == "stop" else stack.kill("ingest"))
    await asyncio.gather(*senders)
    await stack.start("ingest")
    for submission in ids:
        await told_once(unlucky, submission)


async def test_files_that_cannot_be_read_say_why_and_do_not_disturb_the_others(unlucky: Visitor) -> None:
    sent = await unlucky.send(
        files=[
            ("locked.pdf", files.pdf("Nobody may read this", password="open sesame")),
            ("broken.pdf", b"%PDF-1.7\nthis is no PDF at all"),
            ("empty.txt", b""),
            ("fine.pdf", files.pdf("The keeper paints the lighthouse")),
        ]
    )
    journey = await unlucky.ended(sent.id)
    assert journey["status"] == "partly failed"
    reasons = {event["document_id"][-1]: event["reason"] for event in journey["events"] if "reason" in event}
    assert reasons == {
        "1": "The file is protected by a password.",
        "2": "The file is damaged and cannot be opened.",
        "3": "The file is empty.",
    }
    owner = {"Authorization": f"Bearer {unlucky.stack.owner_key}"}
    for number, status in enumerate(("indexed", "failed", "failed", "failed", "indexed")):

        async def settled(number: int = number, status: str = status) -> bool:
            shown = await unlucky.ask("GET", f"/documents/{sent.id}-{number}", headers=owner)
            return (shown.body["status"], shown.body["reason"]) == (status, reasons.get(str(number)))

        await eventually(settled)
    assert [hit["filename"] for hit in await unlucky.found("ligthouse", contact_id=sent.id)] == ["fine.pdf"]
    assert len(unlucky.mails(sent.id)) == 2
