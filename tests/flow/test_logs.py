"""Every line of every service is as the schema says, and the audit log tells who did what."""

import json
from typing import Any

from letterbox.local.names import SERVICES
from libs.service.log_fields import AUDIT
from tests.support import files
from tests.support.command import letterbox
from tests.support.log_schema import wrong
from tests.support.visitor import Visitor, eventually

SECRETS = ("Ada Lovelace", "ada@visitor.example", "a mellow marmot", "secret-name.pdf")
"""What a visitor sends; no log may hold it."""


def lines_of(visitor: Visitor, name: str) -> list[str]:
    return (visitor.stack.home.logs / f"{name}.log").read_text().splitlines()


def audited(visitor: Visitor, name: str = "search") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in lines_of(visitor, name)]
    return [line for line in lines if line.get("stream") == AUDIT]


async def everything(visitor: Visitor) -> str:
    """What a submission, its owner and its faults can bring about; returns the id of what was erased in the end."""
    documents = [("secret-name.pdf", files.pdf("to be read")), ("broken.pdf", b"%PDF-1.7 and nothing more")]
    held = (await visitor.send({"website": "spam"})).id
    sent = (await visitor.send({"message": "a mellow marmot"}, files=documents)).id
    await visitor.send({"email": "no address"})
    await visitor.ended(held)
    await visitor.ended(sent)
    owner = {"Authorization": f"Bearer {visitor.stack.owner_key}"}
    assert await visitor.found("marmot")
    for method, path, more in (
        ("GET", f"/documents/{sent}-1", {}),
        ("GET", f"/documents/{sent}-1/content", {}),
        ("GET", "/submissions/held", {}),
        ("GET", "/dead-letters", {}),
        ("POST", f"/submissions/{held}/release", {}),
        ("POST", f"/submissions/{sent}/erase", {}),
        ("POST", "/search/login", {"data": {"key": "wrong"}}),
        ("POST", "/search/login", {"data": {"key": visitor.stack.owner_key}}),
    ):
        headers = {} if path == "/search/login" else owner
        async with visitor.http.request(method, visitor.door + path, headers=headers, **more) as answer:
            assert answer.status < 500
    assert (await letterbox(visitor.stack, "keys", "add", "another")).status == 0

    async def erased() -> bool:
        found = await visitor.found("letterbox")  # search reads the keys again when it is asked
        return found is not None and any(line["action"] == "erased" for line in audited(visitor, "storage"))

    await eventually(erased)
    return sent


async def test_every_line_has_the_schema_and_the_audit_log_tells_who_did_what(visitor: Visitor) -> None:
    sent = await everything(visitor)
    for name in SERVICES:
        lines = lines_of(visitor, name)
        assert lines
        assert [fault for line in lines for fault in wrong(line)] == []
        plain = "\n".join(line for line in lines if json.loads(line).get("stream") != AUDIT)
        assert not [secret for secret in SECRETS if secret in plain]
    lines = audited(visitor)
    done = {(line["action"], line["key_id"]) for line in lines}
    owner = next(line["key_id"] for line in lines if line["action"] == "search")
    assert done >= {
        (action, owner)
        for action in ("search", "view", "download", "view held", "view dead letters", "released", "erase", "login")
    }
    assert done >= {("login failed", None), ("keys changed", None)}
    assert all(line.get("trace_id") for line in lines)
    about = {(line["action"], line.get("document_id", line.get("contact_id"))) for line in lines}
    assert about >= {("download", f"{sent}-1"), ("erase", sent)}
    assert next(line["added"] for line in lines if line["action"] == "keys changed") == ["another"]
    assert ("erased", sent) in {(line["action"], line["contact_id"]) for line in audited(visitor, "storage")}
    assert visitor.stack.owner_key not in "\n".join(lines_of(visitor, "search"))


def test_the_schema_refuses_what_is_not_in_it() -> None:
    line = {"ts": "2026-11-03T09:30:00.000Z", "level": "info", "service": "s", "logger": "l", "message": "m"}
    assert wrong(json.dumps(line)) == []
    for more in ({"name": "Ada"}, {"count": "1"}, {"stream": AUDIT}, {"ts": None}):
        assert wrong(json.dumps({**line, **more}))
    assert wrong("Traceback (most recent call last):")
