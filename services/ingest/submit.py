"""`POST /contact`: from a request to a kept submission, and to the answer that says so."""

import asyncio
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web
from prometheus_client import Counter, Histogram

from libs.events.catalogue import SubmissionCreated, SubmissionErased
from libs.events.errors import OutcomeUnknown, SubjectTaken, Transient
from libs.objects.families import family
from libs.service.http import Problem
from services.ingest import holds
from services.ingest.addresses import client_address
from services.ingest.body import Body
from services.ingest.form import RETURN_FIELDS, TOKEN, Message, check, error
from services.ingest.parts import PARTS, Parts
from services.ingest.patience import Patience
from services.ingest.rates import address_key
from services.ingest.uploads import FileLimits, Staging

log = logging.getLogger(__name__)

SUBMISSIONS = Counter("contact_submissions_total", "Attempts at a submission, by outcome.", ["form", "outcome"])
REFUSED = Counter("contact_submissions_refused_total", "Submissions that were not taken, by cause.", ["form", "cause"])
HELD = Counter("contact_submissions_held_total", "Submissions taken but held for the owner.", ["form", "reason"])
FILES = Counter("contact_files_total", "Files of submissions that were taken, by what they are.", ["family"])
FILE_BYTES = Histogram(
    "contact_file_bytes",
    "Size of the files of submissions that were taken.",
    buckets=tuple(1 << power for power in (10, 14, 17, 20, 22, 23, 24, 25)),
)

RETRY_AFTER_SECONDS = 5
KEY_CHARACTERS = range(16, 256)
FIELDS_BYTES = 1 << 20
"""Room in a multipart body for all that is not a file."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A submission that is kept."""

    submission_id: str
    replayed: bool


class Refused(Exception):
    """A submission that is not accepted: the problem, and what the visitor had filled in."""

    def __init__(self, problem: Problem, fields: Mapping[str, str]) -> None:
        super().__init__(problem.title)
        self.problem = problem
        self.fields = fields


async def submit(request: web.Request, form: str) -> tuple[Accepted, Mapping[str, str]]:
    """Take in one submission; returns it with the form's fields. Raises Refused when it is not kept."""
    parts = request.app[PARTS]
    body = Body(request, _patience(parts), parts.settings.max_fields)
    try:
        _admit(request, parts, form)
        accepted = await Attempt(request, parts, form, body).run()
    except Problem as problem:
        SUBMISSIONS.labels(form, _outcome(problem)).inc()
        REFUSED.labels(form, problem.cause or CAUSES.get(problem.status, "other")).inc()
        raise Refused(problem, body.fields) from None
    outcome = "replayed" if accepted.replayed else "accepted"
    SUBMISSIONS.labels(form, outcome).inc()
    log.info("submission %s", outcome, extra={"submission_id": accepted.submission_id, "form": form})
    return accepted, body.fields


class Attempt:
    """One attempt at a submission; two with the same key at once never share object keys."""

    def __init__(self, request: web.Request, parts: Parts, form: str, body: Body) -> None:
        self._parts = parts
        self._form = form
        self._body = body
        self._key = _header_key(request)
        drawn = secrets.token_hex(24)
        self._attempt, self._drawn_id = drawn[:16], drawn[16:]
        self._staging: Staging | None = None
        self._keep_staged = False

    async def run(self) -> Accepted:
        """Read, check, publish. Raises Problem; what was staged for an attempt that failed is removed."""
        try:
            await self._body.read(lambda name, chunks: self._staged().add(name, chunks), self._token_seen)
            event = self._event(self._valid())
            return await self._publish(event)
        except Transient as away:
            raise self._unavailable(away) from away
        finally:
            if self._staging is not None and not self._keep_staged:
                await asyncio.shield(self._staging.discard())

    def _token_seen(self, token: str) -> None:
        """The key is known now, and with it the submission's id; the first to come counts."""
        if self._staging is not None:
            return
        if token and len(token) not in KEY_CHARACTERS:
            raise Problem(422, "The form is not valid.", errors=[error(TOKEN, "It must have 16 to 255 characters.")])
        parts, settings = self._parts, self._parts.settings
        key = self._key or token
        identity = _derived_id(settings.id_secret.get_secret_value(), self._form, key) if key else self._drawn_id
        limits = FileLimits(settings.max_files, settings.max_file_bytes, settings.accepted_types)
        self._staging = Staging(parts.objects, parts.slots, limits, identity, self._attempt)

    def _staged(self) -> Staging:
        assert self._staging is not None, "the token is always seen before a file"
        return self._staging

    def _valid(self) -> Message:
        checked = check(self._body.fields, self._parts.settings.max_fields)
        if checked.message is None:
            raise Problem(422, "The submission is not valid.", errors=checked.errors)
        return checked.message

    def _event(self, message: Message) -> SubmissionCreated:
        staging = self._staged()
        return SubmissionCreated(
            submission_id=staging.submission_id,
            form=self._form,
            created_at=datetime.now(UTC),
            name=message.name,
            email=message.email,
            subject_line=message.subject,
            message=message.message,
            metadata=message.metadata,
            attachments=tuple(staging.attachments),
            held=holds.reason(self._body.fields),
        )

    async def _publish(self, event: SubmissionCreated) -> Accepted:
        try:
            await self._parts.publisher.publish(event, cause=self._attempt)
        except SubjectTaken:
            return await self._replayed(event)
        except OutcomeUnknown:
            self._keep_staged = True  # the event may be stored: the janitor finds out
            raise
        self._keep_staged = True
        _count(event)
        return Accepted(event.submission_id, replayed=False)

    async def _replayed(self, event: SubmissionCreated) -> Accepted:
        there = await self._parts.history.read(event.subject)
        stored = None if there is None else there.event
        if isinstance(stored, SubmissionErased):
            raise Problem(410, "This message was erased.")
        if not isinstance(stored, SubmissionCreated) or not stored.same_content(event):
            raise Problem(422, "Another message was sent with this key before.", cause="key used before")
        return Accepted(event.submission_id, replayed=True)

    def _unavailable(self, away: Transient) -> Problem:
        if away.dependency == "object-store":
            title = "Files cannot be received right now. Please try again soon, or send the message without files."
        else:
            title = "The message cannot be received right now. Please try again soon."
        return Problem(503, title, retry_after=RETRY_AFTER_SECONDS, cause=f"{away.dependency} away")


def _admit(request: web.Request, parts: Parts, form: str) -> None:
    """Turn away, before the body is read, what cannot or must not be accepted now."""
    settings = parts.settings
    address = address_key(client_address(request, settings.trusted_proxies))
    if wait := parts.by_address.take(address):
        raise _too_many(wait, "limit of the address")
    if wait := parts.by_form.take(form):
        raise _too_many(wait, "limit of the form")
    if not parts.publisher.connected:
        title = "Messages cannot be received right now. Please try again soon."
        raise Problem(503, title, retry_after=RETRY_AFTER_SECONDS, cause="nats away")
    most = settings.max_files * settings.max_file_bytes + FIELDS_BYTES
    if (request.content_length or 0) > most:
        message = f"At most {settings.max_files} files of {settings.max_file_bytes >> 20} MiB each can be sent."
        raise Problem(
            413, "The submission is too large.", errors=[error("files", message)], headers={"Connection": "close"}
        )


def _too_many(wait: int, cause: str) -> Problem:
    return Problem(429, "Too many messages in a short time. Please wait a little.", retry_after=wait, cause=cause)


def _patience(parts: Parts) -> Patience:
    settings = parts.settings
    return Patience(settings.idle_seconds, settings.slow_grace_seconds, settings.slowest_bytes_per_second)


def _header_key(request: web.Request) -> str:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return ""
    if len(key) not in KEY_CHARACTERS or not key.isprintable():
        raise Problem(400, "Idempotency-Key must have 16 to 255 printable characters.")
    return key


def _derived_id(secret: str, form: str, key: str) -> str:
    return hmac.new(secret.encode(), f"{form}\0{key}".encode(), hashlib.sha256).hexdigest()[:32]


CAUSES = {
    400: "malformed",
    408: "slow",
    410: "erased",
    413: "too large",
    415: "kind of body",
    422: "invalid",
    503: "busy",
}


def _count(event: SubmissionCreated) -> None:
    if event.held is not None:
        HELD.labels(event.form, event.held).inc()
    for attachment in event.attachments:
        FILES.labels(family(attachment.content_type)).inc()
        FILE_BYTES.observe(attachment.size)


def _outcome(problem: Problem) -> str:
    return {408: "slow", 413: "too large", 429: "limited", 503: "unavailable"}.get(problem.status, "rejected")


def destination(fields: Mapping[str, str], submission_id: str, allowed: tuple[str, ...]) -> str:
    """Where a browser goes next: the page the form names, when it is allowed, otherwise the journey."""
    wanted = next((fields[name] for name in RETURN_FIELDS if fields.get(name)), "")
    if any(_within(wanted, beginning) for beginning in allowed):
        page, mark, fragment = wanted.partition("#")
        joint = "&" if "?" in page else "?"
        return f"{page}{joint}submission={submission_id}{mark}{fragment}"
    return f"/contact/{submission_id}"


def _within(url: str, beginning: str) -> bool:
    """Whether `url` is the allowed page or below it; `https://a.org` does not allow `https://a.org.evil.net`."""
    if not url.isprintable() or "\\" in url or " " in url or not url.startswith(beginning):
        return False
    return beginning.endswith("/") or url[len(beginning) : len(beginning) + 1] in ("", "/", "?", "#")
