"""Accounting for every 202 from outside: journeys, downloads, search, mails; and rows, which must not double."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email import policy
from email.parser import BytesHeaderParser

import asyncpg

from tests.faults.chaos.client import Kept
from tests.support.search_servers import postgres_as
from tests.support.visitor import Visitor, eventually

CALM_SECONDS = 400
"""A bound: a mail that a crash left in the middle is given up after its lease of two minutes."""
AT_ONCE = 8
ADDRESSES = {"owner": "owner@localhost.localdomain", "sender": "ada@visitor.example"}


@dataclass
class Account:
    """What is wrong, in words; and how many mails nobody can be sure of."""

    wrong: list[str] = field(default_factory=list)
    uncertain: int = 0


async def account(visitor: Visitor, kept: Sequence[Kept]) -> Account:
    """Look at each submission from outside, once its journey has ended."""
    result, slots = Account(), asyncio.Semaphore(AT_ONCE)

    async def one(submission: Kept) -> set[str] | None:
        async with slots:
            return await _look(visitor, submission, result)

    unsure = await asyncio.gather(*(one(submission) for submission in kept))
    told = zip((one.id for one in kept), unsure, strict=True)
    _mails(visitor, {identity: targets for identity, targets in told if targets is not None}, result)
    await _rows(visitor, kept, result)
    return result


async def _look(visitor: Visitor, kept: Kept, result: Account) -> set[str] | None:
    """To whom nobody can be sure that a mail went; None when the submission is lost."""
    try:
        async with asyncio.timeout(CALM_SECONDS):
            while (journey := await visitor.journey(kept.id))["status"] not in ("done", "partly failed"):
                await asyncio.sleep(0.5)
    except TimeoutError:
        result.wrong.append(f"{kept.id}: lost, its journey never ended")
        return None
    owner = {"Authorization": f"Bearer {visitor.stack.owner_key}"}
    for number, digest in kept.digests.items():
        url = f"{visitor.door}/documents/{kept.id}-{number}/content"
        async with visitor.http.get(url, headers=owner) as answer:
            content = await answer.read()
        if answer.status != 200 or hashlib.sha256(content).hexdigest() != digest:
            result.wrong.append(f"{kept.id}: file {number} is not what was sent ({answer.status})")
    entries = 1 + len(kept.digests)
    found = [hit["document_id"] for hit in await visitor.found("", contact_id=kept.id)]
    if len(found) != entries or len(set(found)) != entries:
        result.wrong.append(f"{kept.id}: {len(found)} index entries instead of {entries}")
    if not any(hit["contact_id"] == kept.id for hit in await visitor.found(kept.word)):
        result.wrong.append(f"{kept.id}: not found by its word")
    return {event["target"] for event in journey["events"] if event["type"] == "notification.failed"}


def _mails(visitor: Visitor, unsure: Mapping[str, set[str]], result: Account) -> None:
    """Each read once: after a soak there are thousands."""
    parser = BytesHeaderParser(policy=policy.default)
    caught = (visitor.stack.home.path / "mail").glob("[0-9]*.eml")
    mails = [parser.parsebytes(file.read_bytes()) for file in caught]
    went = Counter((str(mail["Message-ID"]).strip("<").partition(".")[0], str(mail["To"])) for mail in mails)
    for submission, targets in unsure.items():
        for target, address in ADDRESSES.items():
            if target in targets:
                result.uncertain += 1
            elif went[submission, address] != 1:
                result.wrong.append(f"{submission}: {went[submission, address]} mails to the {target}, none flagged")


async def _rows(visitor: Visitor, kept: Sequence[Kept], result: Account) -> None:
    settings = postgres_as(visitor.stack, "storage", visitor.stack.ports["postgres"])
    connection = await asyncpg.connect(settings.postgres_dsn, password=settings.postgres_password.get_secret_value())
    try:

        async def counted() -> bool:
            return bool(
                await connection.fetchval("select count(*) = $1 from contact_submissions", len({k.id for k in kept}))
            )

        try:
            await eventually(counted)
        except AssertionError:
            result.wrong.append("there are not as many submissions as were accepted")
        documents = await connection.fetchval("select count(*) from documents")
    finally:
        await connection.close()
    if documents != sum(1 + len(one.digests) for one in kept):
        result.wrong.append(f"there are {documents} documents")
    originals = await visitor.staged()
    if len(originals) < sum("-" not in number for one in kept for number in one.digests):
        result.wrong.append(f"there are {len(originals)} original files")
