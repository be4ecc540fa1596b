"""Files inside files: a member of an archive or a mail is kept as a document of its own, within limits.

How much may still be found inside a document travels with it as its room, so the limits hold for everything inside one
sent file, at any depth, without counting: a redelivery, a replay and a later reading come to the same documents.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from prometheus_client import Counter

from libs.events.catalogue import DEEPEST, DocumentFound, DocumentStored, SubmissionCreated
from libs.events.history import History
from libs.objects import sniff
from libs.objects.filenames import display_name
from libs.objects.store import FOUND, MissingObject, ObjectStore
from services.indexer.sandbox import Extracted, Member

MEMBERS = Counter("indexer_members_total", "Files inside files that were come across.", ["outcome"])

AT_ONCE = 8
"""Look-ups and uploads at once for one container."""
CAUSES = {
    "deep": "too deep inside other files",
    "many": "too many files",
    "large": "too large together",
    "unread": "too many, too large or locked",
}


@dataclass(frozen=True, slots=True)
class Room:
    """What may still be found inside a document, at any depth."""

    documents: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Reach:
    """How far files inside files are followed."""

    depth: int = DEEPEST
    members: int = 100
    """Of one document."""
    room: Room = Room(documents=200, bytes=256 << 20)
    """Of one sent file."""


@dataclass(frozen=True, slots=True)
class File:
    """What is known of a document's file before it is read."""

    filename: str
    size: int
    room: Room


@dataclass(frozen=True, slots=True)
class Contents:
    """What was found inside a document."""

    found: tuple[DocumentFound, ...] = ()
    left_out: tuple[str, ...] = ()
    """Names of the files that were left out."""
    note: str = ""
    """For people: how many were left out, and why."""

    @property
    def numbers(self) -> tuple[str, ...]:
        """The numbers of the documents."""
        return tuple(event.number for event in self.found)


async def file_of(
    submission: SubmissionCreated, number: str, history: History, objects: ObjectStore, reach: Reach
) -> File:
    """The file of a sent or found document. Raises LookupError when the stream has forgotten it."""
    for sent in submission.attachments:
        if sent.number == number:
            return File(sent.filename, sent.size, reach.room)
    stored = await history.read(f"{DocumentFound.type}.{submission.submission_id}.{number}")
    if stored is None or not isinstance(stored.event, DocumentFound):
        raise LookupError(f"document {number} of {submission.submission_id} is not in the stream any more")
    event = stored.event
    try:
        name = await objects.name_of(event.object_key)
    except MissingObject:  # reading it will say so; what only needs its name goes on
        name = ""
    return File(name or "file", event.size, Room(event.room, event.room_bytes))


async def keep(
    event: DocumentStored,
    extracted: Extracted,
    room: Room,
    history: History,
    objects: ObjectStore,
    reach: Reach,
) -> Contents:
    """Keep the members as documents; those beyond the limits are named. Doing it again changes nothing."""
    if not extracted.members and not extracted.left_out:
        return Contents()
    taken, left_out, cause = within(event.number, extracted.members, room, reach)
    digests = [hashlib.sha256(member.content).hexdigest() for member in taken]
    numbers = numbered(digests, await _earlier(event, len(taken), history))
    rooms = shared(room, [len(member.content) for member in taken])
    found = [
        _found(event, number, member, digest, share)
        for number, member, digest, share in zip(numbers, taken, digests, rooms, strict=True)
    ]
    slots = asyncio.Semaphore(AT_ONCE)

    async def put(one: DocumentFound, member: Member) -> None:
        async with slots:
            await objects.put(one.object_key, member.content, one.content_type, display_name(member.filename))

    await asyncio.gather(*(put(one, member) for one, member in zip(found, taken, strict=True)))
    MEMBERS.labels("kept").inc(len(taken))
    names = tuple(map(display_name, (*extracted.left_out, *(member.filename for member in left_out))))
    MEMBERS.labels("left out").inc(len(names))
    return Contents(tuple(found), names, _note(len(names), cause or "unread"))


def within(number: str, members: Sequence[Member], room: Room, reach: Reach) -> tuple[list[Member], list[Member], str]:
    """The members that are taken, those that are left out, and the first cause for that."""
    taken: list[Member] = []
    left_out: list[Member] = []
    cause, size = "", 0
    for member in members:
        if number.count("-") >= reach.depth:
            why = "deep"
        elif len(taken) >= min(reach.members, room.documents):
            why = "many"
        elif size + len(member.content) > room.bytes:
            why = "large"
        else:
            taken.append(member)
            size += len(member.content)
            continue
        left_out.append(member)
        cause = cause or why
    return taken, left_out, cause


def shared(room: Room, sizes: Sequence[int]) -> list[Room]:
    """What is left of the room for each of the members taken: documents evenly, bytes by size."""
    if not sizes:
        return []
    total = sum(sizes)
    documents, bytes_left = room.documents - len(sizes), room.bytes - total
    each, more = divmod(documents, len(sizes))
    return [Room(each + (place < more), bytes_left * size // total if total else 0) for place, size in enumerate(sizes)]


async def _earlier(event: DocumentStored, members: int, history: History) -> dict[int, str]:
    """The digest of each document that was found here before, by its number: of the first `members`, and on from there
    as far as there are any.
    """
    slots = asyncio.Semaphore(AT_ONCE)

    async def look(number: int) -> str | None:
        async with slots:
            stored = await history.read(f"{DocumentFound.type}.{event.submission_id}.{event.number}-{number}")
        return stored.event.sha256 if stored is not None and isinstance(stored.event, DocumentFound) else None

    numbers = range(1, members + 1)
    answers = zip(numbers, await asyncio.gather(*map(look, numbers)), strict=True)
    earlier = {number: digest for number, digest in answers if digest is not None}
    beyond = members + 1
    while (digest := await look(beyond)) is not None:
        earlier[beyond] = digest
        beyond += 1
    return earlier


def numbered(digests: Sequence[str], earlier: Mapping[int, str]) -> list[int]:
    """A number for each member: its place, unless an earlier reading gave that to another file.

    What was found once keeps its number for ever, whatever a newer reader finds before it.
    """
    given = {place: place for place, digest in enumerate(digests, 1) if earlier.get(place) == digest}
    for place, digest in enumerate(digests, 1):
        same = (number for number in sorted(earlier) if earlier[number] == digest and number not in given.values())
        if place not in given and (number := next(same, None)) is not None:
            given[place] = number
    places = range(1, len(digests) + 1)
    given |= {place: place for place in places if place not in given and place not in earlier}
    unused = (number for number in count(1) if number not in earlier and number not in given.values())
    for place in places:
        if place not in given:
            given[place] = next(unused)
    return [given[place] for place in places]


def _found(event: DocumentStored, number: int, member: Member, digest: str, room: Room) -> DocumentFound:
    own = f"{event.number}-{number}"
    prefix = member.content[: sniff.PREFIX_BYTES]
    return DocumentFound(
        submission_id=event.submission_id,
        number=own,
        object_key=f"{prefix_of(event.submission_id)}{own}",
        content_type=sniff.content_type(prefix, display_name(member.filename)),
        size=len(member.content),
        sha256=digest,
        room=room.documents,
        room_bytes=room.bytes,
    )


def prefix_of(submission_id: str) -> str:
    """What the keys of all that was found inside a submission's files begin with."""
    return f"{FOUND}{submission_id}/"


def _note(files: int, cause: str) -> str:
    return f"{files} {'file' if files == 1 else 'files'} inside it left out: {CAUSES[cause]}." if files else ""
