"""Retention: how long submissions are kept, by form and by the types of their documents; what is over is erased."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import Counter

from libs.events.catalogue import ErasureRequested
from libs.events.errors import SubjectTaken, Transient
from libs.events.publish import Publisher
from libs.postgres.pool import Pool, postgres_errors

log = logging.getLogger(__name__)

EXPIRED = Counter("retention_erasures_total", "Submissions whose time was over, and whose erasure was requested.")

AT_ONCE = 500

OVER = """
with rules as (select * from unnest($1::text[], $2::text[], $3::float8[]) as rule (kind, name, days))
select s.id from contact_submissions s
where s.created_at < now() - make_interval(secs => 86400 * (
    select min(r.days) from rules r
    where r.kind = 'form' and r.name in (s.form, '*')
       or r.kind = 'type' and exists (
            select 1 from document_states t
            where t.submission_id = s.id and r.name = (
                case when t.tags_generation >= t.details_generation and t.tags_revision > 0
                then t.tagged else t.details end) ->> 'document_type')
))
  and not exists (select 1 from erasures e where e.submission_id = s.id)
order by s.created_at
limit $4
"""
"""The shortest time that any rule gives counts; without a rule a submission is kept for ever."""


@dataclass(frozen=True, slots=True)
class Retention:
    """Asks for the erasure of what is over; `rules` as in the setting `retention`."""

    pool: Pool
    publisher: Publisher
    rules: Mapping[str, float]

    async def run(self, every_seconds: float) -> None:
        """Look, pause, and again, until cancelled."""
        while True:
            try:
                await self.expire()
            except Transient as error:
                log.warning("retention has to wait", extra={"error": str(error)})
            await asyncio.sleep(every_seconds)

    async def expire(self) -> int:
        """One look; returns how many erasures were requested. Raises Transient when a dependency is away."""
        kinds, names = zip(*(rule.split(":", 1) for rule in self.rules), strict=True)
        with postgres_errors():
            rows = await self.pool.fetch(OVER, list(kinds), list(names), list(self.rules.values()), AT_ONCE)
        for row in rows:
            event = ErasureRequested(submission_id=row["id"], reason="retention")
            try:
                published = await self.publisher.publish(event, cause="retention")
            except SubjectTaken:  # somebody else asked for it
                continue
            EXPIRED.inc(not published.repeated)
        return len(rows)
