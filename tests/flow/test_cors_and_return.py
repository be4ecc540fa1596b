"""The form on another site: scripts of exactly the allowed origins, and a page to return to from an allow-list."""

import pytest

from tests.support.visitor import ORIGIN, RETURN_TO, Visitor

BROWSER = {"Accept": "text/html"}


@pytest.mark.parametrize("path", ["/contact", f"/contact/{'0' * 32}", f"/contact/{'0' * 32}/events"])
async def test_a_preflight_of_an_allowed_site_is_answered(visitor: Visitor, path: str) -> None:
    asked = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, idempotency-key",
    }
    answer = await visitor.ask("OPTIONS", path, headers=asked)
    assert answer.status == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Idempotency-Key" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [f"{ORIGIN}.evil.example", "https://evil.example", ORIGIN.replace("https", "http"), f"{ORIGIN}:8443", "null", ""],
)
async def test_other_sites_may_not_read_any_answer(visitor: Visitor, origin: str) -> None:
    headers = {"Origin": origin}
    preflight = await visitor.ask("OPTIONS", "/contact", headers={**headers, "Access-Control-Request-Method": "POST"})
    for answer in (preflight, await visitor.send(headers=headers), await visitor.send({"name": ""}, headers=headers)):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


async def test_scripts_of_an_allowed_site_may_read_successes_and_problems(visitor: Visitor) -> None:
    headers = {"Origin": ORIGIN}
    sent, wrong = await visitor.send(headers=headers), await visitor.send({"email": ""}, headers=headers)
    journey = await visitor.ask("GET", f"/contact/{sent.id}", headers=headers)
    stream = await visitor.ask("GET", f"/contact/{sent.id}/events", headers=headers)
    assert [answer.status for answer in (sent, wrong, journey, stream)] == [202, 422, 200, 200]
    for answer in (sent, wrong, journey, stream):
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
        assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


async def test_scripts_may_read_a_refusal_before_the_body_was_read(visitor: Visitor) -> None:
    answer = await visitor.send(headers={"Origin": ORIGIN}, params={"form": "nobody"})
    assert answer.status == 404
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("field", ["return_to", "_next"])
@pytest.mark.parametrize(
    ("wanted", "arrives"),
    [
        (RETURN_TO, f"{RETURN_TO}?submission={{id}}"),
        (f"{RETURN_TO}/you", f"{RETURN_TO}/you?submission={{id}}"),
        (f"{RETURN_TO}?from=form", f"{RETURN_TO}?from=form&submission={{id}}"),
        (f"{RETURN_TO}#end", f"{RETURN_TO}?submission={{id}}#end"),
        (f"{RETURN_TO}#end?really", f"{RETURN_TO}?submission={{id}}#end?really"),
    ],
)
async def test_a_browser_returns_to_an_allowed_page(visitor: Visitor, field: str, wanted: str, arrives: str) -> None:
    answer = await visitor.send({field: wanted}, headers=BROWSER)
    assert answer.status == 303
    place = answer.headers["Location"]
    submission = place.partition("submission=")[2][:32]
    assert place == arrives.format(id=submission)
    assert (await visitor.journey(submission))["id"] == submission


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        f"{RETURN_TO}.evil.example",
        f"{RETURN_TO}@evil.example",
        RETURN_TO.replace("//", "//evil.example/"),
        "//site.example/thanks",
        "javascript:alert(1)",
        f"{RETURN_TO}/\r\nSet-Cookie: a=b",
        f"{RETURN_TO}/\\evil.example",
    ],
)
async def test_any_other_page_is_ignored_and_the_journey_is_shown(visitor: Visitor, wanted: str) -> None:
    answer = await visitor.send({"return_to": wanted}, headers=BROWSER)
    assert answer.status == 303
    assert answer.headers["Location"].startswith("/contact/")
    assert "Set-Cookie" not in answer.headers


async def test_the_page_to_return_to_is_no_part_of_the_submission(visitor: Visitor) -> None:
    sent = await visitor.send({"return_to": RETURN_TO, "phone": "555-0199"})
    await visitor.ended(sent.id)
    (message,) = await visitor.found("", contact_id=sent.id)
    owner = {"Authorization": f"Bearer {visitor.stack.owner_key}"}
    shown = await visitor.ask("GET", f"/documents/{message['document_id']}", headers=owner)
    assert shown.body["contact"]["metadata"] == {"phone": "555-0199"}


async def test_the_script_for_other_sites_may_be_loaded_from_them(visitor: Visitor) -> None:
    script = await visitor.ask("GET", "/contact/assets/embed.js", headers={"Origin": ORIGIN})
    assert script.status == 200
    assert "javascript" in script.headers["Content-Type"]
    assert "Cross-Origin-Resource-Policy" not in script.headers
