"""What the object store and the index hold, compared with the record, submission by submission in the order of ids.

Both sides are read in that order and in batches, so nothing is looked up one by one and memory stays bounded.
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg

from libs.events.catalogue import (
    MESSAGE,
    DocumentExtracted,
    DocumentFailed,
    DocumentFound,
    DocumentStored,
    SubmissionStored,
    parent_number,
)
from libs.events.streams import INDEXER_EXTRACT, INDEXER_INDEX, INDEXER_PREVIEW, STORAGE_RECORD
from libs.index.protocol import SearchIndex
from libs.objects import previews
from libs.objects.store import FOUND, ORIGINALS, PREVIEWS, TEXTS, ObjectStore
from libs.postgres.pool import Pool, postgres_errors
from services.storage.completeness import Finding
from services.storage.ledger import Tally

BATCH = 500
"""Submissions compared at once."""
YOUNG_SECONDS = 3600.0
"""An object younger than this may belong to a submission that is on its way."""
LAST = "g"
"""Behind every id."""

DOCUMENTS = """
select d.id, d.submission_id, d.number, d.object_key, d.filename, d.size, t.status, t.generation,
       t.details ->> 'text_key' as text_key,
       case when t.scan = 'infected' then 0 else coalesce(t.preview_pages, 0) end as preview_pages,
       coalesce(t.status = 'failed' and t.scan = 'infected' and t.scan_generation = t.generation, false) as quarantined
from documents d left join document_states t on t.document_id = d.id
where d.submission_id = any($1)
"""
NEXT = "select id from contact_submissions where id > $1 order by id limit $2"
ORPHANS = {
    "document_states row": "select submission_id, document_id from document_states t where not exists "
    "(select 1 from documents d where d.id = t.document_id) limit 1000",
    "sent_mails row": "select submission_id, target from sent_mails m where not exists "
    "(select 1 from contact_submissions s where s.id = m.submission_id) limit 1000",
}


@dataclass(frozen=True, slots=True)
class Holdings:
    """The pass along the record. Raises Transient or Unavailable when a store is away."""

    pool: Pool
    objects: ObjectStore
    index: SearchIndex | None
    grace_seconds: float = 60.0

    async def check(
        self, tally: Tally, only: Sequence[str] | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> AsyncIterator[Finding]:
        """What is wrong with the objects and entries of all submissions, or `only` of these."""
        after, done = "", 0
        while True:
            ids = await self._ids(after, only)
            # What lies between two ids of the record, before the first or behind the last, belongs to nobody.
            until = ids[-1] if len(ids) == BATCH else LAST
            objects = await self._objects(ids if only is not None else None, after, until)
            documents = await self._documents(ids)
            for finding in self._compared(documents, objects):
                yield _counted(finding, tally)
            async for finding in self._indexed(documents):
                yield _counted(finding, tally)
            done += len(ids)
            progress(done)
            if len(ids) < BATCH:
                break
            after = ids[-1]
        if only is None:
            async for finding in self._owned_by_nobody():
                yield _counted(finding, tally)

    async def _ids(self, after: str, only: Sequence[str] | None) -> list[str]:
        if only is not None:
            return sorted(one for one in only if one > after)[:BATCH]
        with postgres_errors():
            return [row["id"] for row in await self.pool.fetch(NEXT, after, BATCH)]

    async def _documents(self, ids: Sequence[str]) -> list[asyncpg.Record]:
        with postgres_errors():
            return await self.pool.fetch(DOCUMENTS, list(ids))

    async def _objects(self, ids: Sequence[str] | None, after: str, until: str) -> dict[str, tuple[float, int]]:
        """(time of change, bytes) of the keys of some submissions, or of all whose ids lie within the range."""
        found: dict[str, tuple[float, int]] = {}
        for prefix in (ORIGINALS, TEXTS, FOUND, PREVIEWS):
            if ids is not None:
                for one in ids:
                    found |= {k: (t, n) async for k, t, n in self.objects.keys(f"{prefix}{one}/")}
                continue
            begin = f"{prefix}{after}{BEHIND}" if after else ""
            async for key, changed, size in self.objects.keys(prefix, after=begin, until=f"{prefix}{until}{BEHIND}"):
                found[key] = (changed, size)
        return found

    def _compared(self, documents: Sequence[asyncpg.Record], objects: Mapping[str, tuple[float, int]]) -> list[Finding]:
        findings, claimed = [], set()
        for row in documents:
            sid, number, key = row["submission_id"], row["number"], row["object_key"]
            if key is not None:
                claimed.add(key)
                if key not in objects:
                    findings.append(_file_missing(sid, number))
                elif objects[key][1] != row["size"]:
                    findings.append(_file_missing(sid, number, " has another size"))
                elif not row["filename"]:
                    findings.append(_name_missing(sid, number))
            claimed |= {f"{TEXTS}{sid}/{number}.{n}.json" for n in range(1, (row["generation"] or 1) + 1)}
            text = row["text_key"] or (f"{TEXTS}{sid}/{number}.1.json" if number == MESSAGE else None)
            if row["status"] == "indexed" and text is not None and text not in objects:
                findings.append(_text_missing(sid, number))
            pictures = previews.keys(sid, number, row["preview_pages"])
            if not objects.keys() >= set(pictures):
                findings.append(_pictures_missing(row))
        drawn = {previews.document_prefix(row["submission_id"], row["number"]) for row in documents}
        for key, (changed, _) in objects.items():
            owned = key in claimed or f"{key.rpartition('/')[0]}/" in drawn
            if not owned and changed < time.time() - YOUNG_SECONDS:
                findings.append(Finding("orphaned", "objects", key.split("/")[1], key))
        return findings

    async def _indexed(self, documents: Sequence[asyncpg.Record]) -> AsyncIterator[Finding]:
        if self.index is None:
            return
        known = {row["id"]: row for row in documents if row["status"] in ("indexed", "failed")}
        ids = list(known)
        for begin in range(0, len(ids), BATCH):
            for document, count in (await self.index.occurrences(ids[begin : begin + BATCH])).items():
                row = known[document]
                if row["quarantined"]:
                    if count:
                        yield _entry_infected(row)
                elif count == 0:
                    yield _entry_missing(row)
                elif count > 1:
                    yield Finding("duplicated", "index", row["submission_id"], f"{count} entries of {row['number']}")

    async def _owned_by_nobody(self) -> AsyncIterator[Finding]:
        with postgres_errors():
            for what, sql in ORPHANS.items():
                for row in await self.pool.fetch(sql):
                    yield Finding("orphaned", "postgres", row[0], f"{what} {row[1]}")
        if self.index is None:
            return
        async for ids in self.index.ids():
            with postgres_errors():
                rows = await self.pool.fetch("select id from documents where id = any($1)", ids)
            strangers = set(ids) - {row["id"] for row in rows}
            for document, count in (await self.index.occurrences(sorted(strangers))).items() if strangers else ():
                if count and not await self._on_its_way(document):
                    yield Finding("orphaned", "index", document.split("-")[0], f"entry {document}")

    async def _on_its_way(self, document: str) -> bool:
        """Whether the record has taken the submission in since the ids were compared."""
        with postgres_errors():
            return bool(await self.pool.fetchval("select 1 from documents where id = $1", document))


BEHIND = "/\x7f"
"""What sorts behind every key of a submission."""


def _counted(finding: Finding, tally: Tally) -> Finding:
    tally.add(finding)
    return finding


def _file_missing(sid: str, number: str, how: str = "") -> Finding:
    """What was found inside another document is found again by reading that; nobody can make an original again."""
    parent = parent_number(number)
    if parent is None:
        return Finding("missing", "objects", sid, f"original {number}{how}")
    subject = f"{DocumentStored.type}.{sid}.{parent}"
    return Finding("missing", "objects", sid, f"found file {number}{how}", INDEXER_EXTRACT.name, subject)


def _name_missing(sid: str, number: str) -> Finding:
    """It was recorded while its object, which has the name, was missing."""
    subject = f"{DocumentFound.type}.{sid}.{number}"
    return Finding("missing", "postgres", sid, f"name of {number}", STORAGE_RECORD.name, subject)


def _text_missing(sid: str, number: str) -> Finding:
    """A message's text is kept when it is indexed, a file's when it is read."""
    if number == MESSAGE:
        subject = f"{SubmissionStored.type}.{sid}"
        return Finding("missing", "objects", sid, f"text {number}", INDEXER_INDEX.name, subject)
    subject = f"{DocumentStored.type}.{sid}.{number}"
    return Finding("missing", "objects", sid, f"text {number}", INDEXER_EXTRACT.name, subject)


def _entry_infected(row: asyncpg.Record) -> Finding:
    """What is in quarantine must not be found; indexer removes it when it hears again that it is infected."""
    sid, number = row["submission_id"], row["number"]
    subject = f"{DocumentFailed.type}.{sid}.{number}.{row['generation']}"
    return Finding("orphaned", "index", sid, f"entry {number} is infected", INDEXER_INDEX.name, subject)


def _pictures_missing(row: asyncpg.Record) -> Finding:
    kind = DocumentFailed if row["status"] == "failed" else DocumentExtracted
    sid, number = row["submission_id"], row["number"]
    subject = f"{kind.type}.{sid}.{number}.*"
    return Finding("missing", "objects", sid, f"preview {number}", INDEXER_PREVIEW.name, subject)


def _entry_missing(row: asyncpg.Record) -> Finding:
    sid, number = row["submission_id"], row["number"]
    if number == MESSAGE:
        subject = f"{SubmissionStored.type}.{sid}"
    elif row["status"] == "failed":
        subject = f"document.failed.{sid}.{number}.{row['generation']}"
    else:
        subject = f"{DocumentExtracted.type}.{sid}.{number}.{row['generation']}"
    return Finding("missing", "index", sid, f"entry {number}", INDEXER_INDEX.name, subject)
