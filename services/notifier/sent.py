"""The ledger of what was sent, so that no mail goes twice.

A row says `sending` before the attempt and is settled after it. Only the one who inserted the row may send. A row still
`sending` after LEASE_SECONDS is what a crash left behind: nobody can tell whether that mail was taken.
"""

from dataclasses import dataclass

from libs.postgres.pool import Pool, postgres_errors, statement

LEASE_SECONDS = 120
"""Longer than any attempt can take (channels.py bounds them)."""

BEGIN = """
insert into sent_mails (submission_id, target, state, attempts) values ($1, $2, 'sending', 1)
on conflict (submission_id, target) do nothing
returning attempts
"""
EXPIRE = """
update sent_mails set state = 'uncertain', settled_at = now(), reason = 'a crash left it without an outcome'
where submission_id = $1 and target = $2 and state = 'sending' and started_at < now() - make_interval(secs => $3)
"""
AGAIN = """
update sent_mails set state = 'sending', attempts = attempts + 1, started_at = now(), settled_at = null, reason = null
where submission_id = $1 and target = $2 and state = 'uncertain' and attempts < $3
returning attempts
"""
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Sent:
    """The ledger, as the role that may touch nothing else. Every method raises Transient when PostgreSQL is away."""

    pool: Pool
    again_when_uncertain: bool = False
    lease_seconds: float = LEASE_SECONDS

    async def begin(self, submission_id: str, target: str) -> str:
        """`sending` when this caller is to send now; otherwise what the ledger says: another is at it (`busy`), or
        the mail is `sent`, `failed` or `uncertain`.
        """
        with postgres_errors(), statement("begin mail"):
            if await self.pool.fetchval(BEGIN, submission_id, target):
                return "sending"
            async with self.pool.acquire(timeout=5) as connection, connection.transaction():
                await connection.execute(EXPIRE, submission_id, target, self.lease_seconds)
                if self.again_when_uncertain and await connection.fetchval(AGAIN, submission_id, target, MOST_ATTEMPTS):
                    return "sending"
                state = await connection.fetchval(
                    "select state from sent_mails where submission_id = $1 and target = $2", submission_id, target
                )
        return "busy" if state == "sending" else str(state)

    async def settle(
        self, submission_id: str, target: str, state: str, provider_id: str = "", reason: str = ""
    ) -> None:
        """Write down how the attempt ended: `sent`, `failed` or `uncertain`."""
        with postgres_errors(), statement("settle mail"):
            await self.pool.execute(
                "update sent_mails set state = $3, provider_id = $4, reason = $5, settled_at = now() "
                "where submission_id = $1 and target = $2 and state = 'sending'",
                submission_id,
                target,
                state,
                provider_id,
                reason[:300],
            )

    async def remember(self, submission_id: str, target: str, state: str, reason: str = "") -> None:
        """Write down what the stream proves of a mail, where the ledger does not know it."""
        with postgres_errors(), statement("remember mail"):
            await self.pool.execute(
                "insert into sent_mails (submission_id, target, state, attempts, reason, settled_at) "
                "values ($1, $2, $3, 1, $4, now()) on conflict (submission_id, target) do nothing",
                submission_id,
                target,
                state,
                reason,
            )

    async def erase(self, submission_id: str) -> dict[str, str]:
        """Forget a submission's mails; returns the state that each target's mail had."""
        with postgres_errors(), statement("erase mails"):
            rows = await self.pool.fetch(
                "delete from sent_mails where submission_id = $1 returning target, state", submission_id
            )
        return {row["target"]: row["state"] for row in rows}

    async def withdraw(self, submission_id: str, target: str) -> None:
        """Forget an attempt that surely sent nothing."""
        with postgres_errors(), statement("withdraw mail"):
            await self.pool.execute(
                "delete from sent_mails where submission_id = $1 and target = $2 and state = 'sending'",
                submission_id,
                target,
            )
