"""The journey of a submission, as its visitor sees it: a page, JSON, and server-sent events."""

import json
from typing import Any

import aiohttp
import pytest

from tests.support import files
from tests.support.visitor import Visitor

SECRETS = {"name": "Grace Hopper", "email": "grace@navy.example", "subject": "Sextant", "message": "Meet at the pier."}


async def told(visitor: Visitor, submission: str, **headers: str) -> list[dict[str, Any]]:
    """Everything the event stream says until it ends, one dictionary a message."""
    messages, current = [], {}
    url = f"{visitor.door}/contact/{submission}/events"
    async with visitor.http.get(url, headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        async for raw in response.content:
            line = raw.decode().rstrip("\n")
            if line:
                name, _, value = line.partition(": ")
                current[name] = json.loads(value) if name in ("id", "data") else value
            elif current:
                messages.append(current)
                current = {}
    return messages


async def test_a_submission_with_a_file_goes_all_the_way(visitor: Visitor) -> None:
    sent = await visitor.send(SECRETS, [("chart.pdf", files.pdf("Here be dragons"))])
    assert sent.headers["Location"] == sent.body["status_url"] == f"{visitor.door}/contact/{sent.id}"
    journey = await visitor.ended(sent.id)
    assert journey["id"] == sent.id
    assert journey["status"] == "done"
    types = [event["type"] for event in journey["events"]]
    assert types[0] == "submission.created"
    assert sorted(types) == [
        *("document.extracted", "document.indexed", "document.indexed", "document.stored"),
        *("notification.sent", "notification.sent", "submission.created", "submission.stored"),
    ]
    numbers = [event["seq"] for event in journey["events"]]
    assert numbers == sorted(set(numbers))
    assert {event.get("target") for event in journey["events"]} == {None, "owner", "sender"}
    assert {event.get("document_id") for event in journey["events"]} == {None, f"{sent.id}-0", f"{sent.id}-1"}


async def test_event_stream_tells_every_step_once_in_order_and_then_ends(visitor: Visitor) -> None:
    sent = await visitor.send(SECRETS, [("chart.pdf", files.pdf("Here be dragons"))])
    messages = await told(visitor, sent.id)
    *steps, end = messages
    assert end == {"event": "end", "data": {"status": "done"}}
    assert [step["data"] for step in steps] == (await visitor.journey(sent.id))["events"]
    assert [step["id"] for step in steps] == [step["data"]["seq"] for step in steps]


async def test_who_comes_back_gets_only_what_was_missed(visitor: Visitor) -> None:
    sent = await visitor.send()
    await visitor.ended(sent.id)
    everything = await told(visitor, sent.id)
    rest = await told(visitor, sent.id, **{"Last-Event-ID": str(everything[1]["id"])})
    assert rest == everything[2:]
    assert await told(visitor, sent.id, **{"Last-Event-ID": "nonsense"}) == everything


@pytest.mark.parametrize("accept", ["text/html", "application/json", "text/event-stream"])
async def test_a_journey_shows_nothing_of_what_was_sent(visitor: Visitor, accept: str) -> None:
    sent = await visitor.send({**SECRETS, "phone": "555-0199"}, [("treasure-map.txt", b"Dig under the palm tree.")])
    await visitor.ended(sent.id)
    path = f"/contact/{sent.id}" + ("/events" if accept == "text/event-stream" else "")
    shown = await visitor.ask("GET", path, headers={"Accept": accept})
    assert shown.status == 200
    for secret in (*SECRETS.values(), "555-0199", "treasure-map", "palm"):
        assert secret not in shown.text


async def test_a_browser_gets_the_form_the_redirect_and_the_journey_as_pages(visitor: Visitor) -> None:
    html = {"Accept": "text/html,application/xhtml+xml,application/json;q=0.5"}
    form = await visitor.ask("GET", "/contact", headers=html)
    assert 'name="token"' in form.text
    sent = await visitor.send(SECRETS, headers=html)
    assert sent.status == 303
    await visitor.ended(sent.headers["Location"].rpartition("/")[2])
    page = await visitor.ask("GET", sent.headers["Location"], headers=html)
    assert page.status == 200
    assert "Everything is done" in page.text
    assert "no-store" in page.headers["Cache-Control"]


async def test_a_browser_gets_the_form_back_with_what_was_typed_and_what_is_wrong(visitor: Visitor) -> None:
    page = await visitor.send({"email": "no address", "name": 'A "<b>'}, headers={"Accept": "text/html"})
    assert page.status == 422
    assert "no address" in page.text
    assert "A &#34;&lt;b&gt;" in page.text
    assert 'id="email-message"' in page.text


@pytest.mark.parametrize("path", ["0" * 32, "A" * 32, "..%2f..%2fetc", "x", "0" * 32 + "/events"])
async def test_a_journey_nobody_began_is_not_found(visitor: Visitor, path: str) -> None:
    answer = await visitor.ask("GET", f"/contact/{path}")
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/problem+json")


async def test_wildcards_in_place_of_an_id_find_nothing(visitor: Visitor) -> None:
    await visitor.send()
    for wildcard in ("*", "%3E", "%2A"):
        assert (await visitor.ask("GET", f"/contact/{wildcard}")).status == 404


async def test_a_follower_who_leaves_early_disturbs_nobody(visitor: Visitor) -> None:
    sent = await visitor.send()
    timeout = aiohttp.ClientTimeout(total=60, sock_read=30)
    async with visitor.http.get(f"{visitor.door}/contact/{sent.id}/events", timeout=timeout) as response:
        await response.content.readline()
    assert (await visitor.ended(sent.id))["status"] == "done"
    assert (await told(visitor, sent.id))[-1]["data"] == {"status": "done"}
