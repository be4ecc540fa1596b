"""The owner's status page on a stack of its own, whose parts are stopped one after another."""

import html
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Answer, Visitor, eventually, visiting


@pytest.fixture(scope="module")
async def visitor() -> AsyncIterator[Visitor]:
    """A visitor of a stack that this file may break."""
    async with isolated_stack(environment={"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        yield visitor


async def as_owner(visitor: Visitor, accept: str = "application/json") -> Answer:
    headers = {"Authorization": f"Bearer {visitor.stack.owner_key}", "Accept": accept}
    answer = await visitor.ask("GET", "/status", headers=headers)
    assert answer.status == 200, answer.text
    return answer


async def words(visitor: Visitor) -> str:
    """What a person reads on the page."""
    text = (await as_owner(visitor, "text/html,*/*")).text
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


async def once(visitor: Visitor, holds: Callable[[Any], bool]) -> Any:
    """The state as JSON, as soon as `holds` holds of it."""

    async def look() -> Any:
        state = (await as_owner(visitor)).body
        return state if holds(state) else None

    return await eventually(look)


def step(state: Any, durable: str) -> Any:
    return next(one for one in state["steps"] if one["durable"] == durable)


async def test_when_all_is_well_the_page_says_so_and_shows_no_personal_data(visitor: Visitor) -> None:
    sent = (await visitor.send({"name": "Ada Lovelace", "subject": "Wardrobe"}, files=[("a.txt", b"Walnut.")])).id
    await visitor.ended(sent)
    state = await once(visitor, lambda one: one["submissions"] and one["submissions"][0]["status"] == "done")
    assert state["well"], state["troubles"]
    assert state["submissions"][0] | {"created_at": ""} == {
        "contact_id": sent, "created_at": "", "status": "done", "files": 1,
    }  # fmt: skip
    names = {"NATS", "PostgreSQL", "object store", "search index", "mail"}
    assert state["dependencies"] == dict.fromkeys(names, True)
    assert {name for name, one in state["services"].items() if one["reachable"]} == set(state["services"])
    page = await words(visitor)
    assert "Everything works" in page
    assert sent[:12] in page
    for personal in ("Ada", "Lovelace", "Wardrobe", "visitor.example", "a.txt"):
        assert personal not in page
        assert personal not in str(state)


async def test_strangers_see_nothing_and_browsers_are_led_to_the_login(visitor: Visitor) -> None:
    assert (await visitor.ask("GET", "/status")).status == 401
    led = await visitor.ask("GET", "/status", headers={"Accept": "text/html"})
    assert (led.status, led.headers["Location"]) == (303, "/search/login?next=%2Fstatus")
    form = {"key": visitor.stack.owner_key, "next": "/status"}
    opened = await visitor.ask("POST", "/search/login", data=form)
    assert opened.headers["Location"] == "/status"


async def test_the_page_looks_again_by_itself_without_a_script(visitor: Visitor) -> None:
    answer = await as_owner(visitor, "text/html")
    assert '<meta http-equiv="refresh"' in answer.text
    assert "<script" not in answer.text
    assert "script-src" not in answer.headers["Content-Security-Policy"]
    assert "no-store" in answer.headers["Cache-Control"]


async def test_a_service_that_was_killed_is_named_and_its_backlog_grows_and_clears(visitor: Visitor) -> None:
    def both_in_work(state: Any) -> bool:
        """The page asks the record and NATS one after the other: the one may know less than the other."""
        shown = {one["contact_id"]: one["status"] for one in state["submissions"]}
        return [shown.get(one) for one in sent] == ["processing", "processing"]

    await visitor.stack.kill("indexer")
    sent = [(await visitor.send(files=[("a.txt", b"One.")])).id]
    state = await once(visitor, lambda one: (step(one, "indexer-extract")["backlog"] or 0) >= 1)
    assert "indexer does not run." in state["troubles"]
    assert not state["services"]["indexer"]["reachable"]
    first_age = step(state, "indexer-extract")["oldest_seconds"]
    sent.append((await visitor.send(files=[("b.txt", b"Two.")])).id)
    state = await once(visitor, lambda one: both_in_work(one) and step(one, "indexer-extract")["backlog"] >= 2)
    assert step(state, "indexer-extract")["oldest_seconds"] > first_age
    assert "indexer does not run." in await words(visitor)
    await visitor.stack.start("indexer")
    for one in sent:
        await visitor.ended(one)
    state = await once(visitor, lambda one: one["well"] and one["backlog"] == 0)
    assert step(state, "indexer-extract")["oldest_seconds"] == 0


async def test_who_waits_for_a_dependency_says_for_which(visitor: Visitor) -> None:
    await visitor.stack.stop("mail")
    sent = (await visitor.send()).id
    state = await once(visitor, lambda one: "mail" in step(one, "notifier-mail")["paused_by"])
    assert state["dependencies"]["mail"] is False
    assert "notifier-mail waits for mail." in await words(visitor)
    await visitor.stack.start("mail")
    await visitor.ended(sent)
    await once(visitor, lambda one: one["well"])


async def test_without_the_database_the_page_shows_the_rest(visitor: Visitor) -> None:
    await visitor.stack.stop("postgres")
    state = await once(visitor, lambda one: one["dependencies"]["PostgreSQL"] is False)
    assert state["submissions"] is None
    assert state["held"] is None
    assert step(state, "storage-record")["backlog"] == 0
    assert "The record is not available now." in await words(visitor)
    await visitor.stack.start("postgres")
    await once(visitor, lambda one: one["well"])


async def test_without_nats_the_page_still_comes_and_claims_to_know_no_backlog(visitor: Visitor) -> None:
    await visitor.stack.stop("nats")
    state = await once(visitor, lambda one: one["dependencies"]["NATS"] is False)
    assert state["backlog"] is None
    assert step(state, "indexer-extract")["backlog"] is None
    assert state["dead_letters"] is None
    assert "NATS cannot be reached." in await words(visitor)
    await visitor.stack.start("nats")
    await once(visitor, lambda one: one["well"])
