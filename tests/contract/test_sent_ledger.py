"""The ledger of mails on a real PostgreSQL: whoever comes, however often, one may send."""

import asyncio
from collections.abc import AsyncIterator
from secrets import token_hex

import asyncpg
import pytest
from pydantic import SecretStr

from letterbox.local.stack import LocalStack
from libs.events.errors import Transient
from libs.postgres.pool import Pool, postgres_pool
from libs.service.settings import PostgresSettings
from services.notifier.sent import MOST_ATTEMPTS, Sent
from services.storage.migrate import migrate
from tests.support.stack import isolated_stack


def settings(stack: LocalStack, role: str) -> PostgresSettings:
    dsn = stack.address("postgres").replace("//", f"//{role}@")
    return PostgresSettings(postgres_dsn=dsn, postgres_password=SecretStr(stack.password(role)))


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[LocalStack]:
    """PostgreSQL with storage's schema."""
    async with isolated_stack(("postgres",)) as stack:
        async with postgres_pool(settings(stack, "storage")) as pool:
            await migrate(pool)
        yield stack


@pytest.fixture(scope="module")
async def pool(postgres: LocalStack) -> AsyncIterator[Pool]:
    """Connections as the notifier's own role."""
    async with postgres_pool(settings(postgres, "notifier"), most=8) as pool:
        yield pool


@pytest.fixture
def mail() -> tuple[str, str]:
    """A mail that nobody has begun to send."""
    return token_hex(16), "owner"


async def crashed(pool: Pool, mail: tuple[str, str]) -> None:
    """Somebody began to send `mail` a while ago, and was never heard of again."""
    await pool.execute("update sent_mails set started_at = now() - interval '1 hour' where submission_id = $1", mail[0])


async def test_of_many_at_once_one_may_send_and_the_others_learn_that_it_is_busy(
    pool: Pool, mail: tuple[str, str]
) -> None:
    ledger = Sent(pool)
    answers = await asyncio.gather(*(ledger.begin(*mail) for _ in range(20)))
    assert sorted(answers) == ["busy"] * 19 + ["sending"]


@pytest.mark.parametrize("state", ["sent", "failed", "uncertain"])
async def test_a_settled_mail_is_never_begun_again(pool: Pool, mail: tuple[str, str], state: str) -> None:
    ledger = Sent(pool)
    assert await ledger.begin(*mail) == "sending"
    await ledger.settle(*mail, state, provider_id="4711")
    assert [await ledger.begin(*mail) for _ in range(2)] == [state] * 2
    await crashed(pool, mail)
    assert await ledger.begin(*mail) == state


async def test_an_outcome_is_written_once(pool: Pool, mail: tuple[str, str]) -> None:
    ledger = Sent(pool)
    await ledger.begin(*mail)
    await ledger.settle(*mail, "sent", provider_id="4711")
    await ledger.settle(*mail, "failed", reason="too late")
    await ledger.withdraw(*mail)
    assert await ledger.begin(*mail) == "sent"


async def test_an_attempt_that_surely_sent_nothing_may_be_repeated(pool: Pool, mail: tuple[str, str]) -> None:
    ledger = Sent(pool)
    await ledger.begin(*mail)
    await ledger.withdraw(*mail)
    assert await ledger.begin(*mail) == "sending"


async def test_owner_and_sender_have_a_mail_each(pool: Pool, mail: tuple[str, str]) -> None:
    ledger = Sent(pool)
    assert await ledger.begin(mail[0], "owner") == "sending"
    assert await ledger.begin(mail[0], "sender") == "sending"
    await ledger.settle(mail[0], "owner", "sent")
    assert await ledger.begin(mail[0], "sender") == "busy"


async def test_what_a_crash_left_behind_is_uncertain_and_by_default_stays_so(pool: Pool, mail: tuple[str, str]) -> None:
    ledger = Sent(pool)
    await ledger.begin(*mail)
    assert await ledger.begin(*mail) == "busy"
    await crashed(pool, mail)
    assert [await ledger.begin(*mail) for _ in range(2)] == ["uncertain"] * 2


async def test_by_setting_an_uncertain_mail_is_sent_again_by_one_and_not_for_ever(
    pool: Pool, mail: tuple[str, str]
) -> None:
    ledger = Sent(pool, again_when_uncertain=True)
    assert await ledger.begin(*mail) == "sending"
    for _ in range(MOST_ATTEMPTS - 1):
        await crashed(pool, mail)
        answers = await asyncio.gather(*(ledger.begin(*mail) for _ in range(8)))
        assert sorted(answers) == ["busy"] * 7 + ["sending"]
    await crashed(pool, mail)
    assert [await ledger.begin(*mail) for _ in range(2)] == ["uncertain"] * 2


async def test_an_uncertain_mail_that_went_out_the_second_time_is_sent(pool: Pool, mail: tuple[str, str]) -> None:
    ledger = Sent(pool, again_when_uncertain=True)
    await ledger.begin(*mail)
    await ledger.settle(*mail, "uncertain", reason="no answer")
    assert await ledger.begin(*mail) == "sending"
    await ledger.settle(*mail, "sent", provider_id="4711")
    assert await ledger.begin(*mail) == "sent"


@pytest.mark.parametrize("table", ["contact_submissions", "documents", "journey", "search_submissions"])
async def test_the_notifiers_role_sees_nothing_but_its_ledger(pool: Pool, table: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.fetch(f"select * from {table}")


async def test_without_postgresql_every_question_is_transient(
    postgres: LocalStack, pool: Pool, mail: tuple[str, str]
) -> None:
    ledger = Sent(pool)
    await postgres.stop("postgres")
    try:
        for asked in (ledger.begin(*mail), ledger.settle(*mail, "sent"), ledger.withdraw(*mail)):
            with pytest.raises(Transient) as away:
                await asked
            assert away.value.dependency == "postgres"
    finally:
        await postgres.start("postgres")
    assert await ledger.begin(*mail) == "sending"
