"""Plays back a recorded conversation with a real Meilisearch 1.50 over HTTP.

A request is answered only when its method, path and body are those of a recorded one; anything else is refused and
remembered in `refused`, and fails the test. Bodies are compared by meaning: what an SDK spells out although it is
Meilisearch's documented default counts as left out. What has been added since the recording is named in `as_recorded`,
and nothing else is let through; a live Meilisearch (LETTERBOX_TEST_MEILISEARCH_URL) gets all of it.
"""

import json
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.support.served import Served

RECORDED = Path(__file__).parent.parent / "data" / "meilisearch-1.50-conversation.json"

DEFAULTS: dict[str, Any] = {
    "offset": 0,
    "attributesToRetrieve": ["*"],
    "showMatchesPosition": False,
    "cropMarker": "…",
    "matchingStrategy": "last",
    "attributesToSearchOn": ["*"],
    "enabled": True,
}


class MeilisearchReplay(Served):
    """A server for one test; each recorded exchange is used in its order, the last of equal ones again and again."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._exchanges = json.loads(RECORDED.read_text(encoding="utf-8"))
        self._used: set[int] = set()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        super().__init__(app)

    async def _answer(self, request: web.Request) -> web.Response:
        text = await request.text()
        body = meaning(as_recorded(json.loads(text))) if text else None
        matching = [
            number
            for number, exchange in enumerate(self._exchanges)
            if exchange["request"]["method"] == request.method
            and exchange["request"]["path"] == request.path_qs
            and meaning(exchange["request"]["body"]) == body
            and exchange["request"]["auth"] in ("master", "none")
            and exchange["response"]["status"] != 401
        ]
        if not matching:
            self.refused.append(f"{request.method} {request.path_qs} {text[:500]}")
            return web.json_response(
                {"message": "not recorded", "code": "not_recorded", "type": "x", "link": ""}, status=501
            )
        number = next((number for number in matching if number not in self._used), matching[-1])
        self._used.add(number)
        response = self._exchanges[number]["response"]
        return web.json_response(response["body"], status=response["status"])


def meaning(body: Any) -> Any:
    """A body without what is left at its default."""
    if not isinstance(body, dict):
        return body
    kept = {key: meaning(value) for key, value in body.items() if value is not None}
    return {key: value for key, value in kept.items() if key not in DEFAULTS or value != DEFAULTS[key]}


def as_recorded(body: Any) -> Any:
    """A request without what was added after the recording.

    To documents: what they are also found by, and where their pages end. To the settings: what these need, pages of any
    depth, a sort that goes before relevance, and an order of equals.
    """
    if isinstance(body, list):
        return [as_recorded(one) for one in body]
    if not isinstance(body, dict):
        return body
    body = {key: value for key, value in body.items() if key not in ("also", "page_ends")}
    if "searchableAttributes" not in body:
        return body
    before = {**body, "typoTolerance": dict(body["typoTolerance"])}
    for name, added in (("searchable", "also"), ("filterable", "document_id"), ("displayed", "page_ends")):
        before[f"{name}Attributes"] = [value for value in body[f"{name}Attributes"] if value != added]
    assert before["typoTolerance"].pop("disableOnAttributes") == ["also"]
    assert before["pagination"] == {"maxTotalHits": 10_000_000}
    assert body["rankingRules"] == ["sort", "words", "typo", "proximity", "attribute", "exactness", "document_id:asc"]
    before["pagination"] = {"maxTotalHits": 10_000}
    before["rankingRules"] = ["words", "typo", "proximity", "attribute", "sort", "exactness"]
    return before
