"""Least privilege, proven by what is refused: every identity asks the servers for all that the table does not give it.

The table is `deploy/rights.toml`. What is asked is made from it, the catalogue and the schema, so a new right, user,
table or prefix is asked for, too. Other servers are given more by hand, and every check has to find exactly that.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import asyncpg
import nats
import pytest
from nats.aio.client import Client

import libs.rights
from letterbox.local.stack import LocalStack
from letterbox.nats_configuration import users
from letterbox.preparation import DATABASE
from letterbox.rights_check import objects_given, objects_may, prefixes
from libs.events.catalogue import EVENTS
from libs.events.streams import ADVISORIES, DEAD_LETTERS, DURABLES, STREAM
from libs.postgres.pool import postgres_pool
from libs.rights import EVERYTHING, rights
from services.storage.grants import RELATIONS, Grant, table
from services.storage.migrate import migrate
from tests.support.prepare import prepare
from tests.support.search_servers import postgres_as
from tests.support.stack import isolated_stack
from tests.support.visitor import operators_objects

Subjects = dict[str, set[str]]

SERVERS = ("nats", "postgres", "object-store")
HEARD_SECONDS = 60
BY_HAND = {
    "[ingest.nats]\npublish = [\n": "[ingest.nats]\npublish = [\n  'erasure.requested.*',\n",
    "[ingest.objects]\n": "[ingest.objects]\ntext = ['read']\n",
}
"""Lines of the table, and what a careless hand makes of them."""
GRANTED_BY_HAND = (
    "grant select on contact_submissions to search",
    "grant update (email) on contact_submissions to search",
    "grant insert on sent_mails to public",
    "grant pg_read_all_data to notifier",
    "alter role monitoring createrole",
)


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[LocalStack]:
    async with isolated_stack(SERVERS) as stack:
        await _migrated(stack)
        yield stack


@pytest.fixture(scope="module")
async def given_more(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LocalStack]:
    """Servers that were set up by another table than ours, and changed since."""
    text = libs.rights.TABLE.read_text(encoding="utf-8")
    for line, more in BY_HAND.items():
        assert line in text
        text = text.replace(line, more)
    other = tmp_path_factory.mktemp("rights") / "rights.toml"
    other.write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(libs.rights, "TABLE", other)
        async with isolated_stack(SERVERS) as stack:
            patch.undo()
            await _migrated(stack)
            async with administrator(stack) as connection:
                for statement in GRANTED_BY_HAND:
                    await connection.execute(statement)
            yield stack


async def _migrated(stack: LocalStack) -> None:
    async with postgres_pool(postgres_as(stack, "storage", stack.ports["postgres"])) as pool:
        await migrate(pool)


@asynccontextmanager
async def administrator(stack: LocalStack) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    url = f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}/{DATABASE}"
    connection = await asyncpg.connect(url, password=stack.password("postgres"))
    yield connection
    await connection.close()


# --- NATS -------------------------------------------------------------------------------------------------------------


def asked(patterns: set[str]) -> Iterator[str]:
    """One subject for each pattern."""
    for pattern in patterns:
        yield ".".join("x1" if token == "*" else "x1.x2" if token == ">" else token for token in pattern.split("."))


def allows(patterns: list[str], subject: str) -> bool:
    """Whether one of the patterns covers the subject."""
    return any(_covers(pattern.split("."), subject.split(".")) for pattern in patterns)


def _covers(pattern: list[str], subject: list[str]) -> bool:
    if pattern and pattern[-1] == ">":
        return len(subject) >= len(pattern) and _covers(pattern[:-1], subject[: len(pattern) - 1])
    same = len(pattern) == len(subject)
    return same and all(one in ("*", other) for one, other in zip(pattern, subject, strict=True))


def refused_to_publish() -> Subjects:
    """For each user every subject that somebody uses, or an administrator could, and the table does not give it."""
    streams = (STREAM, DEAD_LETTERS, ADVISORIES)
    everything = {subject for may in users().values() for subject in may["publish"]}
    everything |= {f"{event.type}.>" for event in EVENTS} | {"stored.>", "$SYS.REQ.SERVER.PING"}
    for stream in streams:
        kinds = (
            "CREATE",
            "UPDATE",
            "DELETE",
            "PURGE",
            "SNAPSHOT",
            "RESTORE",
            "MSG.GET",
            "MSG.DELETE",
            "LEADER.STEPDOWN",
        )
        everything |= {f"$JS.API.STREAM.{kind}.{stream}" for kind in kinds}
        everything |= {
            f"$JS.API.DIRECT.GET.{stream}",
            f"$JS.API.DIRECT.GET.{stream}.>",
            f"$JS.API.CONSUMER.CREATE.{stream}",
        }
        for durable in DURABLES:
            name = f"{stream}.{durable.name}"
            everything |= {f"$JS.API.CONSUMER.{kind}.{name}" for kind in ("MSG.NEXT", "DELETE", "CREATE", "PAUSE")}
            everything.add(f"$JS.ACK.{name}.>")
    subjects = set(asked(everything))
    return {user: {one for one in subjects if not allows(may["publish"], one)} for user, may in users().items()}


def refused_to_hear() -> Subjects:
    """For each user what others hear, and everything."""
    everything = {f"_INBOX_{user}.x1" for user in users()} | {"stored.x1", ">", "$SYS.x1", "$JS.EVENT.x1"}
    everything |= {f"{event.type}.x1" for event in EVENTS}
    return {user: {one for one in everything if not allows(may["subscribe"], one)} for user, may in users().items()}


@asynccontextmanager
async def as_user(stack: LocalStack, user: str, refusals: list[str]) -> AsyncIterator[Client]:
    """A connection; when it is left, everything that the server refused is in `refusals`."""

    async def violated(error: Exception) -> None:
        refusals.append(str(error).lower())

    client = await nats.connect(
        stack.address("nats"), user=user, password=stack.secret(f"nats-{user}"),
        inbox_prefix=f"_INBOX_{user}".encode(), error_cb=violated,
    )  # fmt: skip
    yield client
    await client.flush(HEARD_SECONDS)
    await asyncio.sleep(0.2)
    await client.close()


async def not_refused(stack: LocalStack) -> set[tuple[str, str, str]]:
    """(user, publish or subscription, subject) that a user may do although the table does not give it."""
    found = set()
    publish, hear = refused_to_publish(), refused_to_hear()
    for user in users():
        refusals: list[str] = []
        async with as_user(stack, user, refusals) as client:
            for subject in publish[user]:
                await client.publish(subject, b"{}")
            for subject in hear[user]:
                await client.subscribe(subject)
        told = "".join(refusals)
        for kind, subjects in (("publish", publish[user]), ("subscription", hear[user])):
            found |= {(user, kind, one) for one in subjects if f'violation for {kind} to "{one.lower()}"' not in told}
    return found


async def test_nats_refuses_every_user_all_that_the_table_does_not_give(stack: LocalStack) -> None:
    assert min(map(len, refused_to_publish().values())) > 20
    assert await not_refused(stack) == set()


async def test_nats_gives_every_user_what_the_table_gives(stack: LocalStack) -> None:
    """A publish that is not refused is not answered with a violation; nothing listens to most of these subjects."""
    for user, may in users().items():
        refusals: list[str] = []
        async with as_user(stack, user, refusals) as client:
            for subject in asked(set(may["subscribe"])):
                await client.subscribe(subject)
            for subject in sorted(asked({one for one in may["publish"] if not one.startswith("$JS.API.STREAM.")})):
                await client.publish(subject, b"no event")
        assert not refusals, user


async def test_a_right_that_was_added_to_nats_by_hand_is_tried_and_found(given_more: LocalStack) -> None:
    assert await not_refused(given_more) == {("ingest", "publish", "erasure.requested.x1")}


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


async def allowed(stack: LocalStack) -> set[Grant]:
    """The verbs that the server lets each role have on each relation, tried one by one; nothing is changed."""
    async with administrator(stack) as connection:
        names = [row["relname"] for row in await connection.fetch(RELATIONS)]
        columns = {
            name: await connection.fetchval(
                "select attname from pg_attribute where attrelid = $1::regclass and attnum = 1", name
            )
            for name in names
        }
    found = set()
    for role, may in rights("postgres").items():
        if EVERYTHING in may:
            continue
        pool = postgres_pool(postgres_as(stack, role, stack.ports["postgres"]))
        async with pool as connections, connections.acquire() as client:
            for name, column in columns.items():
                for verb, statement in tries(name, column).items():
                    if await _passes(client, statement):
                        found.add(Grant(role, name, verb))
    return found


def tries(relation: str, column: str) -> dict[str, str]:
    """A statement for each verb; the server checks who may run what it only explains, too."""
    return {
        "SELECT": f"explain select 1 from {relation}",
        "INSERT": f"explain insert into {relation} ({column}) values (null)",
        "UPDATE": f"explain update {relation} set {column} = null",
        "DELETE": f"explain delete from {relation}",
        "TRUNCATE": f"truncate {relation}",
        "TRIGGER": f"create trigger mine after insert on {relation} execute function tsvector_update_trigger()",
    }


async def _passes(client, statement: str) -> bool:  # type: ignore[no-untyped-def]
    attempt = client.transaction()
    await attempt.start()
    try:
        await client.execute(statement)
    except (
        asyncpg.InsufficientPrivilegeError,
        asyncpg.ObjectNotInPrerequisiteStateError,
        asyncpg.WrongObjectTypeError,
    ):
        return False  # not allowed, or what nobody can do: a view over several tables takes no rows
    finally:
        await attempt.rollback()
    return True


async def test_postgresql_lets_every_role_do_what_the_table_says_and_no_more(stack: LocalStack) -> None:
    of_relations = {one for one in table() if one.verb != "MEMBER"}
    assert len(of_relations) > 5
    assert await allowed(stack) == of_relations


async def test_nobody_but_the_owner_can_make_anything_in_the_database(stack: LocalStack) -> None:
    for role in ("search", "notifier", "monitoring"):
        async with postgres_pool(postgres_as(stack, role, stack.ports["postgres"])) as pool:
            for statement in ("create table mine (x int)", "create temporary table mine (x int)", "create role mine"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await pool.execute(statement)


async def test_rights_that_were_granted_by_hand_are_tried_and_found(given_more: LocalStack) -> None:
    more = {(one.role, one.relation, one.verb) for one in await allowed(given_more) - table()}
    assert {("search", "contact_submissions", "SELECT"), ("search", "sent_mails", "INSERT")} <= more
    assert ("notifier", "contact_submissions", "SELECT") in more


# --- the object store -------------------------------------------------------------------------------------------------


async def test_the_object_store_gives_every_key_its_prefixes_and_verbs_and_refuses_strangers(stack: LocalStack) -> None:
    assert len(prefixes()) > 4
    for identity in rights("objects"):
        assert await objects_may(operators_objects(stack), identity, stack.secret) == objects_given(identity), identity
    async with aiohttp.ClientSession() as http:
        for path in ("", f"{stack.bucket}", f"{stack.bucket}/originals/0/1"):
            async with http.get(f"{stack.address('object-store')}/{path}") as answer:
                assert answer.status == 403, path


async def test_a_right_that_was_added_to_a_key_by_hand_is_tried_and_found(given_more: LocalStack) -> None:
    found = await objects_may(operators_objects(given_more), "ingest", given_more.secret)
    assert found - objects_given("ingest") == {("read", "text")}


# --- all of them, by the operator's command ---------------------------------------------------------------------------


PARTS = ("postgres", "nats", "objects", "index")


def test_the_check_has_nothing_to_say_of_servers_that_follow_the_table(stack: LocalStack) -> None:
    done = check(stack)
    assert (done.returncode, done.stdout) == (0, f"Rights are those of the table: {', '.join(PARTS)}.\n"), done.stderr


def test_the_check_names_every_right_that_was_given_by_hand_and_preparing_takes_grants_back(
    given_more: LocalStack,
) -> None:
    beyond_grants = [
        "postgres: not in the table: monitoring: ADMINISTER on the server",
        "postgres: not in the table: notifier: MEMBER on pg_read_all_data",
        "nats: not in the table: ingest: publish erasure.requested.*",
        "objects: not in the table: ingest: read text/",
    ]
    grants = [
        "postgres: not in the table: public: INSERT on sent_mails",
        "postgres: not in the table: search: SELECT on contact_submissions",
        "postgres: not in the table: search: UPDATE on contact_submissions (email)",
    ]
    done = check(given_more)
    assert done.returncode == 1, done.stderr
    assert sorted(done.stdout.splitlines()) == sorted(beyond_grants + grants)
    again = prepare(given_more, "postgres", secrets=given_more.home.path / "secrets", bucket=given_more.bucket)
    assert again.returncode == 0, again.stderr
    assert sorted(check(given_more).stdout.splitlines()) == sorted(beyond_grants)


def check(stack: LocalStack):  # type: ignore[no-untyped-def]
    return prepare(stack, "--check", *PARTS, secrets=stack.home.path / "secrets", bucket=stack.bucket)
