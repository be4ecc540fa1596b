"""Least privilege, proven by what is refused: every identity is asked for all that its table does not give it.

The tables: `deploy/nats/users.toml`, `deploy/postgres/rights.toml`, ACTIONS of the object store. What is asked is made
from them and the catalogue, so a new right, user or prefix is asked for, too; each check is shown a right that was
added by hand, and has to find it.
"""

import asyncio
import tomllib
from collections.abc import AsyncIterator, Iterator

import aiohttp
import asyncpg
import nats
import pytest
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from letterbox import nats_configuration
from letterbox.local import objects
from letterbox.local.home import REPOSITORY
from letterbox.local.stack import LocalStack
from letterbox.nats_configuration import users
from letterbox.preparation import ROLES
from libs.events.catalogue import EVENTS
from libs.events.streams import ADVISORIES, DEAD_LETTERS, DURABLES, STREAM
from libs.postgres.pool import postgres_pool
from services.storage.migrate import migrate
from tests.support.search_servers import postgres_as
from tests.support.stack import isolated_stack

Subjects = dict[str, set[str]]

PREFIXES = ("originals", "text", "found", "preview", "elsewhere")
ALL_VERBS = ("get", "put", "delete", "list")
ROLES_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")
OF_COLUMNS = ("SELECT", "INSERT", "UPDATE", "REFERENCES")
GRANTED = tomllib.loads((REPOSITORY / "deploy/postgres/rights.toml").read_text())
HEARD_SECONDS = 60


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
    own = {user: [f"_INBOX_{user}.>", *may.get("subscribe", [])] for user, may in users().items()}
    return {user: {one for one in everything if not allows(patterns, one)} for user, patterns in own.items()}


async def not_refused(stack: LocalStack) -> set[tuple[str, str, str]]:
    """(user, publish or subscription, subject) that a user may do although the table does not give it."""
    found = set()
    publish, hear = refused_to_publish(), refused_to_hear()
    for user in users():
        refusals: list[str] = []

        async def violated(error: Exception, refusals: list[str] = refusals) -> None:
            refusals.append(str(error).lower())

        client = await nats.connect(
            stack.address("nats"), user=user, password=stack.secret(f"nats-{user}"),
            inbox_prefix=f"_INBOX_{user}".encode(), error_cb=violated,
        )  # fmt: skip
        for subject in publish[user]:
            await client.publish(subject, b"{}")
        for subject in hear[user]:
            await client.subscribe(subject)
        await client.flush(HEARD_SECONDS)
        await asyncio.sleep(0.2)
        await client.close()
        told = "".join(refusals)
        for kind, subjects in (("publish", publish[user]), ("subscription", hear[user])):
            found |= {(user, kind, one) for one in subjects if f'violation for {kind} to "{one.lower()}"' not in told}
    return found


async def test_nats_refuses_every_user_all_that_the_table_does_not_give() -> None:
    assert min(map(len, refused_to_publish().values())) > 20
    async with isolated_stack(("nats",)) as stack:
        assert await not_refused(stack) == set()


async def test_a_right_that_was_added_to_nats_by_hand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    table = nats_configuration.users()
    more = {**table, "ingest": {**table["ingest"], "publish": [*table["ingest"]["publish"], "erasure.requested.*"]}}
    monkeypatch.setattr(nats_configuration, "users", lambda: more)
    async with isolated_stack(("nats",)) as stack:
        assert await not_refused(stack) == {("ingest", "publish", "erasure.requested.x1")}


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def postgres() -> AsyncIterator[tuple[LocalStack, asyncpg.Connection]]:
    async with isolated_stack(("postgres",)) as stack:
        async with postgres_pool(postgres_as(stack, "storage", stack.ports["postgres"])) as pool:
            await migrate(pool)
        connection = await asyncpg.connect(
            f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}/letterbox", password=stack.password("postgres")
        )
        yield stack, connection
        await connection.close()


async def granted(connection: asyncpg.Connection) -> dict[str, dict[str, list[str]]]:
    """What each role has on each relation, by the server's own word."""
    relations = [
        row["relname"]
        for row in await connection.fetch(
            "select relname from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where nspname = 'public' and relkind in ('r', 'v', 'm', 'p', 'f')"
        )
    ]
    found: dict[str, dict[str, list[str]]] = {}
    for role in set(ROLES) - {"storage"}:
        rights = {relation: await _verbs(connection, role, relation) for relation in relations}
        found[role] = {relation: verbs for relation, verbs in rights.items() if verbs}
    return found


async def _verbs(connection: asyncpg.Connection, role: str, relation: str) -> list[str]:
    verbs = []
    for verb in ROLES_VERBS:
        kind = "any_column" if verb in OF_COLUMNS else "table"
        if await connection.fetchval(f"select has_{kind}_privilege($1, $2::regclass, $3)", role, relation, verb):
            verbs.append(verb)
    return verbs


async def test_postgresql_gives_every_role_what_the_table_says_and_no_more(
    postgres: tuple[LocalStack, asyncpg.Connection],
) -> None:
    _, connection = postgres
    assert await granted(connection) == GRANTED
    for role in ROLES:
        row = await connection.fetchrow(
            "select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as strong, "
            "has_schema_privilege(oid, 'public', 'create') as creates from pg_roles where rolname = $1",
            role,
        )
        assert (row["strong"], row["creates"]) == (False, role == "storage"), role
    assert not await connection.fetchval(
        "select count(*) from pg_auth_members where member = any($1::regrole[])", ROLES
    )


async def test_a_right_that_was_granted_by_hand_is_found(postgres: tuple[LocalStack, asyncpg.Connection]) -> None:
    _, connection = postgres
    for grant in ("select on contact_submissions", "update (email) on contact_submissions"):
        await connection.execute(f"grant {grant} to search")
        try:
            assert await granted(connection) != GRANTED
        finally:
            await connection.execute(f"revoke {grant} from search")
    assert await granted(connection) == GRANTED


async def test_a_role_without_rights_is_refused_by_the_server_itself(
    postgres: tuple[LocalStack, asyncpg.Connection],
) -> None:
    stack, _ = postgres
    for role, statement in (
        ("search", "select * from contact_submissions"),
        ("search", "delete from search_submissions"),
        ("notifier", "select * from search_submissions"),
        ("notifier", "create table mine (x int)"),
        ("notifier", "create temporary table mine (x int)"),
    ):
        async with postgres_pool(postgres_as(stack, role, stack.ports["postgres"])) as pool:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await pool.execute(statement)


# --- the object store -------------------------------------------------------------------------------------------------


def given(actions: tuple[str, ...]) -> set[tuple[str, str]]:
    """(verb, prefix) that a list of actions gives; the store cannot part deleting from writing."""
    verbs = {"Read": ("get",), "Write": ("put", "delete"), "List": ("list",)}
    found = set()
    for action in actions:
        kind, _, where = action.partition(":")
        prefix = where.removeprefix("{bucket}").strip("/*")
        for name in PREFIXES:
            if kind == "Admin" or not prefix or prefix == name:
                found |= {(verb, name) for verb in verbs.get(kind, ALL_VERBS)}
    return found


async def may(stack: LocalStack, identity: str) -> set[tuple[str, str]]:
    """(verb, prefix) that the store lets an identity do, tried one by one."""
    found = set()
    async with _client(stack, identity) as s3, _client(stack, "operator") as operator:
        for prefix in PREFIXES:
            key = f"{prefix}/0/1"
            await operator.put_object(Bucket=stack.bucket, Key=key, Body=b"x")
            tries = {
                "get": s3.get_object(Bucket=stack.bucket, Key=key),
                "list": s3.list_objects_v2(Bucket=stack.bucket, Prefix=f"{prefix}/"),
                "put": s3.put_object(Bucket=stack.bucket, Key=f"{key}-{identity}", Body=b"x"),
                "delete": s3.delete_object(Bucket=stack.bucket, Key=key),
            }
            for verb, trying in tries.items():
                try:
                    await trying
                    found.add((verb, prefix))
                except ClientError as error:
                    assert error.response["Error"]["Code"] == "AccessDenied", error  # noqa: PT017
    return found


def _client(stack: LocalStack, identity: str):  # type: ignore[no-untyped-def]
    return get_session().create_client(
        "s3", endpoint_url=stack.address("object-store"), region_name=objects.REGION,
        aws_access_key_id=objects.access_key(identity), aws_secret_access_key=stack.secret(f"s3-{identity}"),
    )  # fmt: skip


async def test_the_object_store_gives_every_key_its_prefixes_and_verbs_and_refuses_strangers() -> None:
    async with isolated_stack(("object-store",)) as stack:
        for identity, actions in objects.ACTIONS.items():
            assert await may(stack, identity) == given(actions), identity
        async with aiohttp.ClientSession() as http:
            for path in ("", f"{stack.bucket}", f"{stack.bucket}/originals/0/1-ingest"):
                async with http.get(f"{stack.address('object-store')}/{path}") as answer:
                    assert answer.status == 403, path


async def test_a_right_that_was_added_to_a_key_by_hand_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    table = objects.ACTIONS
    monkeypatch.setattr(objects, "ACTIONS", {**table, "ingest": (*table["ingest"], "Read:{bucket}/text/*")})
    async with isolated_stack(("object-store",)) as stack:
        assert await may(stack, "ingest") - given(table["ingest"]) == {("get", "text")}
