"""Nobody outside can make a service remember more and more: the number of its metric series stays what it was."""

import asyncio
import random
import string
from collections import Counter
from collections.abc import AsyncIterator
from secrets import token_hex

import aiohttp
import nats
import pytest
from prometheus_client.parser import text_string_to_metric_families

from letterbox.local.names import SERVICES
from libs.events.catalogue import DocumentStored
from libs.events.envelope import headers_for
from tests.support import files
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, good, visiting

ROUNDS = 40
"""Different requests of each sort; a label that takes in one of their words would have so many series more."""
ALLOWANCE = ROUNDS // 2
"""Series that appear because something happens for the first time, e.g. another status of a route."""


@pytest.fixture(scope="module")
async def target() -> AsyncIterator[Visitor]:
    """A stack of its own: what is forged in it stays among its dead letters."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


def word() -> str:
    return "".join(random.choices(string.ascii_letters, k=12))


async def series(visitor: Visitor) -> dict[str, Counter[str]]:
    """How many series each metric of each service has."""
    found: dict[str, Counter[str]] = {}
    for name in SERVICES:
        address = visitor.stack.running[name].part.health.replace("/health/ready", "/metrics")
        async with visitor.http.get(address) as answer:
            families = text_string_to_metric_families(await answer.text())
        found[name] = Counter(
            {family.name: len({tuple(sorted(s.labels.items())) for s in family.samples}) for family in families}
        )
    return found


async def one_round(visitor: Visitor) -> None:
    """Every word that a stranger or an owner can choose is chosen at random."""
    gateway, ingest, search = (visitor.stack.address(name) for name in ("caddy", "ingest", "search"))
    owner = {"Authorization": f"Bearer {visitor.stack.owner_key}"}
    odd = {"User-Agent": word(), "X-Forwarded-For": word(), "traceparent": f"00-{token_hex(16)}-{token_hex(8)}-01"}
    file = aiohttp.FormData(good({word(): word()}))
    file.add_field(
        word(), b"\x00\x01" + word().encode(), filename=f"{word()}.{word()}", content_type=f"{word()}/{word()}"
    )
    plain = aiohttp.FormData(good())
    plain.add_field("file", word().encode(), filename=f"{word()}.txt", content_type="text/plain")
    asked = {"query": word(), "filters": {"tags": [word()], "document_type": word()}}
    for method, url, more in (
        ("GET", f"{ingest}/{word()}/{word()}", {"headers": odd}),
        (word(), f"{ingest}/contact", {"headers": odd}),
        ("GET", f"{gateway}/contact/{token_hex(16)}", {"headers": {"Host": f"{word()}.example"}}),
        ("POST", f"{ingest}/contact?form={word()}", {"json": good(), "headers": odd}),
        ("POST", f"{ingest}/contact", {"data": word(), "headers": {"Content-Type": f"{word()}/{word()}"}}),
        ("POST", f"{ingest}/contact", {"json": good({"email": word()}), "headers": {"Idempotency-Key": word()}}),
        ("POST", f"{gateway}/contact", {"data": file, "headers": odd}),
        ("POST", f"{gateway}/contact", {"data": plain}),
        ("GET", f"{search}/{word()}", {"headers": owner}),
        ("GET", f"{search}/documents/{token_hex(16)}-1/content", {"headers": owner}),
        ("POST", f"{search}/documents/search", {"json": asked, "headers": owner}),
        ("POST", f"{search}/documents/search", {"json": asked, "headers": {"Authorization": f"Bearer {word()}"}}),
        ("POST", f"{search}/search/login", {"data": {"key": word(), "next": word()}}),
    ):
        async with visitor.http.request(method, url, allow_redirects=False, **more) as answer:
            await answer.read()


async def forge(visitor: Visitor) -> None:
    """Events that say whatever they like: types, sorts of files and objects that nobody knows."""
    nc = await nats.connect(
        visitor.stack.address("nats"), user="storage", password=visitor.stack.secret("nats-storage"),
        inbox_prefix=b"_INBOX_storage",
    )  # fmt: skip
    for _ in range(ROUNDS):
        event = DocumentStored(
            submission_id=token_hex(16), number="1", object_key=word(), content_type=f"{word()}/{word()}",
            size=1, sha256="0" * 64,
        )  # fmt: skip
        headers = headers_for(event, word(), word())
        await nc.publish(event.subject, event.model_dump_json().encode(), headers={**headers, "ce-type": word()})
    await nc.flush()
    await nc.close()


async def test_no_word_of_a_stranger_becomes_a_series(target: Visitor) -> None:
    kinds = [("a.pdf", files.pdf("one")), ("b.docx", files.docx("two")), ("c.txt", b"three"), ("d.pdf", b"%PDF-1.7")]
    await target.ended((await target.send(files=kinds)).id)
    await one_round(target)
    before = await series(target)
    await asyncio.gather(*(one_round(target) for _ in range(ROUNDS)))
    await forge(target)
    last = (await target.send(files=kinds)).id
    assert (await target.ended(last))["status"] == "partly failed"
    after = await series(target)
    grown = {(name, metric): count for name in SERVICES for metric, count in (after[name] - before[name]).items()}
    assert {key: count for key, count in grown.items() if count >= ROUNDS // 4} == {}
    assert sum(grown.values()) < ALLOWANCE
    assert sum(after["ingest"].values()) > 50, "the series were counted at all"
