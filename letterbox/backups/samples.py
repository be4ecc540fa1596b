"""Samples of a restored system, asked for as the owner would: they have to be found, and their files to be the same."""

import hashlib
import re
from dataclasses import dataclass, field

import aiohttp

from libs.postgres.pool import Pool, postgres_errors

SAMPLES = 20
WORD = re.compile(r"[^\W\d_]{3,}")
TIMEOUT = aiohttp.ClientTimeout(total=60)

DOCUMENTS = """
select d.id, d.submission_id, d.sha256, s.message, d.number
from documents d join contact_submissions s on s.id = d.submission_id
join document_states t on t.document_id = d.id
where t.status = 'indexed' and not exists (select 1 from erasures e where e.submission_id = s.id)
order by random() limit $1
"""


@dataclass(slots=True)
class Samples:
    """How many were asked for, and which were not found or are not what they were."""

    asked: int = 0
    missing: list[str] = field(default_factory=list)


async def ask_for_samples(pool: Pool, search: str, owner_key: str) -> Samples:
    """Search for some documents, by a word where it is a message, and download their files."""
    samples = Samples()
    with postgres_errors():
        rows = await pool.fetch(DOCUMENTS, SAMPLES)
    headers = {"Authorization": f"Bearer {owner_key}"}
    async with aiohttp.ClientSession(search, headers=headers, timeout=TIMEOUT) as http:
        for row in rows:
            samples.asked += 1
            words = WORD.findall(row["message"]) if row["number"] == "0" else []
            found = await _found(http, row["submission_id"], max(words, key=len, default=""))
            if row["id"] not in found or (row["sha256"] and await _sha256(http, row["id"]) != row["sha256"]):
                samples.missing.append(row["id"])
    return samples


async def _found(http: aiohttp.ClientSession, submission_id: str, query: str) -> set[str]:
    asked = {"query": query, "filters": {"contact_id": [submission_id]}, "limit": 100}
    async with http.post("/documents/search", json=asked) as answer:
        return {hit["document_id"] for hit in (await answer.json())["hits"]} if answer.status == 200 else set()


async def _sha256(http: aiohttp.ClientSession, document_id: str) -> str:
    digest = hashlib.sha256()
    async with http.get(f"/documents/{document_id}/content") as answer:
        async for chunk in answer.content.iter_chunked(1 << 16):
            digest.update(chunk)
        return digest.hexdigest() if answer.status == 200 else ""
