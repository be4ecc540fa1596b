"""What waits for the owner: held submissions, dead letters; and erasure. JSON for programs, a page for people."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from libs.events.catalogue import ErasureRequested
from libs.events.dead_letters import DeadLetter
from libs.events.decisions import Decision, NotHeld, decide
from libs.events.errors import SubjectTaken, Transient
from libs.service import audit
from libs.service.http import Problem
from services.search.access import OWNER
from services.search.documents import record_is_away
from services.search.parts import PARTS, Parts
from services.search.query import field_errors
from services.search.rendering import page
from services.search.stream import stream_is_away

DECISIONS: dict[str, Decision] = {"release": "released", "reject": "rejected"}
LETTERS_MOST = 1000
PRIVATE = {"Cache-Control": "private, no-store"}


class Choice(BaseModel):
    """Which dead letters: by number, by handler, or all."""

    model_config = ConfigDict(extra="forbid")

    numbers: list[int] = Field(default_factory=list, max_length=LETTERS_MOST)
    durable: str = ""
    cause: str = ""
    all: bool = False

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant."""
        if self.all or letter.sequence in self.numbers:
            return True
        named = bool(self.durable or self.cause)
        return named and self.durable in ("", letter.durable) and self.cause in ("", letter.group[2])


async def held_json(request: web.Request) -> web.Response:
    """`GET /submissions/held`: what waits for a decision, oldest first."""
    async with _away_is_503():
        held = await request.app[PARTS].records.held()
    audit.record("view held", request[OWNER].id, total=len(held))
    rows = [{**one, "created_at": one["created_at"].isoformat()} for one in held]
    return web.json_response({"held": rows}, headers=PRIVATE)


async def decide_json(request: web.Request) -> web.Response:
    """`POST /submissions/<id>/release` or `/reject`."""
    submission_id, decision = request.match_info["submission_id"], DECISIONS[request.match_info["verb"]]
    await _decide(request, submission_id, decision)
    return web.json_response({"id": submission_id, "decision": decision}, status=202, headers=PRIVATE)


async def erase_json(request: web.Request) -> web.Response:
    """`POST /submissions/<id>/erase`: 202; the receipt is at `GET /submissions/<id>/erasure`."""
    submission_id = request.match_info["submission_id"]
    await _erase(request, submission_id)
    where = f"/submissions/{submission_id}/erasure"
    return web.json_response(
        {"id": submission_id, "receipt": where}, status=202, headers={**PRIVATE, "Location": where}
    )


async def erasure_json(request: web.Request) -> web.Response:
    """`GET /submissions/<id>/erasure`: who removed what; `final` once nothing can come back."""
    async with _away_is_503():
        receipt = await request.app[PARTS].records.erasure(request.match_info["submission_id"])
    if receipt is None:
        raise Problem(404, "No erasure of this submission is known.")
    return web.json_response(receipt, headers=PRIVATE)


async def letters_json(request: web.Request) -> web.Response:
    """`GET /dead-letters`: each with its reason, attempts, trace id and original event."""
    letters = await _letters(request.app[PARTS])
    audit.record("view dead letters", request[OWNER].id, total=len(letters))
    return web.json_response({"dead_letters": [_as_json(letter) for letter in letters]}, headers=PRIVATE)


async def settle_json(request: web.Request) -> web.Response:
    """`POST /dead-letters/retry` or `/drop` with `numbers`, `durable` and `cause`, or `all`."""
    try:
        choice = Choice.model_validate_json(await request.read())
    except ValidationError as error:
        raise Problem(422, "The choice is not valid.", errors=field_errors(error)) from None
    count = await _settle(request, request.match_info["verb"], choice)
    return web.json_response({"settled": count}, headers=PRIVATE)


async def inbox_page(request: web.Request) -> web.Response:
    """Everything that waits for the owner on one page."""
    parts = request.app[PARTS]
    async with _away_is_503():
        held = await parts.records.held()
    letters = sorted(await _letters(parts), key=lambda letter: letter.group)
    audit.record("view inbox", request[OWNER].id, total=len(held) + len(letters))
    groups = [(group, list(members)) for group, members in groupby(letters, key=lambda letter: letter.group)]
    return page("inbox.html", {"held": held, "groups": groups})


async def inbox_form(request: web.Request) -> web.Response:
    """A button of the inbox, or of a document's page, was pressed."""
    form = await request.post()
    verb, submission_id = str(form.get("verb", "")), str(form.get("submission", ""))
    if verb in DECISIONS:
        await _decide(request, submission_id, DECISIONS[verb])
    elif verb in ("retry", "drop"):
        numbers = [int(number) for number in str(form.get("numbers", "")).split(",") if number.isdigit()]
        await _settle(request, verb, Choice(numbers=numbers[:LETTERS_MOST], all=form.get("all") == "yes"))
    elif verb == "erase" and form.get("sure") == "yes":
        await _erase(request, submission_id)
    else:
        raise Problem(422, "Please tick the box to confirm, and try again.")
    raise web.HTTPSeeOther("/search/inbox")


async def _decide(request: web.Request, submission_id: str, decision: Decision) -> None:
    stream = request.app[PARTS].stream
    async with _away_is_503():
        try:
            await decide(stream.publisher, stream.history, submission_id, decision)
        except NotHeld as error:
            raise Problem(409, str(error)) from None
    audit.record(decision, request[OWNER].id, contact_id=submission_id)


async def _erase(request: web.Request, submission_id: str) -> None:
    parts = request.app[PARTS]
    async with _away_is_503():
        known = await parts.stream.history.read(f"submission.created.{submission_id}")
        if known is None and await parts.records.message(submission_id) is None:
            raise Problem(404, "There is no such submission.")
        try:
            await parts.stream.publisher.publish(ErasureRequested(submission_id=submission_id), cause="owner")
        except SubjectTaken:
            return  # it was asked for before: the same erasure
    audit.record("erase", request[OWNER].id, contact_id=submission_id)


async def _letters(parts: Parts) -> list[DeadLetter]:
    async with _away_is_503():
        return [letter async for letter in parts.stream.dead_letters.all(LETTERS_MOST)]


async def _settle(request: web.Request, verb: str, choice: Choice) -> int:
    parts = request.app[PARTS]
    chosen = [letter for letter in await _letters(parts) if choice.takes(letter)]
    inbox = parts.stream.dead_letters
    async with _away_is_503():
        for letter in chosen:
            await (inbox.retry(letter) if verb == "retry" else inbox.drop(letter))
            audit.record(
                f"{verb} dead letter", request[OWNER].id, durable=letter.durable, contact_id=letter.submission_id
            )
    return len(chosen)


@asynccontextmanager
async def _away_is_503() -> AsyncIterator[None]:
    try:
        yield
    except Transient as error:
        raise (record_is_away() if error.dependency == "postgres" else stream_is_away()) from None


def _as_json(letter: DeadLetter) -> dict[str, object]:
    return {
        "number": letter.sequence,
        "durable": letter.durable,
        "subject": letter.subject,
        "contact_id": letter.submission_id,
        "reason": letter.reason,
        "cause": letter.group[2],
        "attempts": letter.deliveries,
        "buried_at": letter.buried_at.isoformat(timespec="seconds"),
        "trace_id": letter.trace_id,
        "event": letter.entry.body.decode("utf-8", "replace"),
    }
