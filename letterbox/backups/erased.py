"""The list of erased ids, which a restore erases again. It holds no personal data, so it is not encrypted."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from letterbox.backups.manifest import Unusable
from libs.postgres.pool import Pool, postgres_errors


@dataclass(frozen=True, slots=True)
class Erased:
    """A submission that was erased."""

    submission_id: str
    reason: str
    requested_at: str


async def erased(pool: Pool) -> list[Erased]:
    """Every id that was erased, or is being erased."""
    with postgres_errors():
        rows = await pool.fetch("select submission_id, reason, requested_at from erasures order by requested_at")
    return [Erased(row["submission_id"], row["reason"], row["requested_at"].isoformat()) for row in rows]


async def mark_copied(pool: Pool, ids: Iterable[str]) -> None:
    """Write down that these ids are where the backups are, so that their receipts can become final."""
    with postgres_errors():
        await pool.execute(
            "update erasures set copied_at = now() where submission_id = any($1) and copied_at is null", list(ids)
        )


def write_list(path: Path, ids: Iterable[Erased]) -> None:
    """Write the list, whole or not at all, with what was on it before: an id that is on it stays."""
    known = {one.submission_id: one for one in read_list(path)} | {one.submission_id: one for one in ids}
    draft = path.with_name(f".{path.name}")
    with draft.open("w", encoding="utf-8") as out:
        out.write(lines_of(sorted(known.values(), key=lambda one: one.requested_at)))
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)


def lines_of(ids: Iterable[Erased]) -> str:
    """The list as text: a line of JSON for each."""
    return "".join(json.dumps(asdict(one)) + "\n" for one in ids)


def read_list(path: Path) -> list[Erased]:
    """The ids on a list; none when there is no such file. Raises Unusable."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Erased(**json.loads(line)) for line in lines if line.strip()]
    except (ValueError, TypeError):
        raise Unusable(f"{path} is damaged.") from None
