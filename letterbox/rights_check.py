"""Where the servers' own word about who may do what differs from the table, `deploy/rights.toml`.

Each function asks one server and returns a sentence for each difference: a right more, or one too few.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import nats
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from letterbox.index_keys import key_uid
from letterbox.local.objects import access_key
from letterbox.nats_configuration import OWN_RIGHTS, users
from libs.rights import EVERYTHING, rights
from libs.service.settings import ObjectSettings
from services.storage.grants import granted, table

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client

Secret = Callable[[str], str]
"""A secret by its name: `nats-ingest`, `s3-storage`."""
ANSWER_SECONDS = 5
OWN_KEYS = "Default "
"""How the names of the keys begin that Meilisearch makes for itself; only the master key shows them."""
PROBE = ".letterbox-rights-check"
ELSEWHERE = "elsewhere"
"""A prefix that nobody has rights on."""
Verbs = set[tuple[str, str]]


def _differences(server: str, given: set[str], wanted: set[str]) -> list[str]:
    more = [f"{server}: not in the table: {one}" for one in sorted(given - wanted)]
    return more + [f"{server}: in the table only: {one}" for one in sorted(wanted - given)]


async def check_postgres(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """Grants, memberships and roles with powers of their own."""
    return _differences("postgres", set(map(str, await granted(connection))), set(map(str, table())))


async def check_nats(url: str, secret: Secret) -> list[str]:
    """The permissions of each user, as the server tells them to that user."""
    given, wanted = set(), set()
    for user, may in users().items():
        client = await nats.connect(
            url.split(","), user=user, password=secret(f"nats-{user}"), inbox_prefix=f"_INBOX_{user}".encode()
        )
        try:
            answer = await client.request(OWN_RIGHTS, timeout=ANSWER_SECONDS)
        finally:
            await client.close()
        permissions = json.loads(answer.data)["data"].get("permissions", {})
        for verb in ("publish", "subscribe"):
            subjects = permissions.get(verb, {}).get("allow") or [">"]
            given |= {f"{user}: {verb} {subject}" for subject in subjects}
            wanted |= {f"{user}: {verb} {subject}" for subject in may[verb]}
        given |= {f"{user}: {name}" for name in permissions if name not in ("publish", "subscribe")}
    return _differences("nats", given, wanted)


async def check_objects(settings: ObjectSettings, secret: Secret) -> list[str]:
    """What each key may do, tried on objects of the check's own; `settings` are the operator's."""
    given, wanted = set(), set()
    for identity in rights("objects"):
        given |= {f"{identity}: {verb} {prefix}/" for verb, prefix in await objects_may(settings, identity, secret)}
        wanted |= {f"{identity}: {verb} {prefix}/" for verb, prefix in objects_given(identity)}
    return _differences("objects", given, wanted)


def prefixes() -> list[str]:
    """Every prefix that the table names, and one that it does not."""
    named = {prefix for may in rights("objects").values() for prefix in may if prefix != EVERYTHING}
    return [*sorted(named), ELSEWHERE]


def objects_given(identity: str) -> Verbs:
    """(verb, prefix) that the table gives; who may write may delete, too."""
    verbs = {"read": {"read"}, "write": {"write", "delete"}, "list": {"list"}}
    verbs["admin"] = set.union(*verbs.values())
    return {
        (verb, prefix)
        for named, given in rights("objects")[identity].items()
        for prefix in prefixes()
        if named in (EVERYTHING, prefix)
        for one in given
        for verb in verbs[one]
    }


async def objects_may(settings: ObjectSettings, identity: str, secret: Secret) -> Verbs:
    """(verb, prefix) that the store lets an identity do. Leaves nothing behind."""
    found: Verbs = set()
    bucket, key = settings.bucket, settings.s3_secret_key.get_secret_value()
    async with (
        _client(settings, settings.s3_access_key, key) as operator,
        _client(settings, access_key(identity), secret(f"s3-{identity}")) as client,
    ):
        for prefix in prefixes():
            there, made = f"{prefix}/{PROBE}", f"{prefix}/{PROBE}-{identity}"
            await operator.put_object(Bucket=bucket, Key=there, Body=b"x")
            try:
                for verb, attempt in (
                    ("read", client.get_object(Bucket=bucket, Key=there)),
                    ("list", client.list_objects_v2(Bucket=bucket, Prefix=there, MaxKeys=1)),
                    ("write", client.put_object(Bucket=bucket, Key=made, Body=b"x")),
                    ("delete", client.delete_object(Bucket=bucket, Key=there)),
                ):
                    if await _allowed(attempt):
                        found.add((verb, prefix))
            finally:
                await operator.delete_object(Bucket=bucket, Key=there)
                await operator.delete_object(Bucket=bucket, Key=made)
    return found


async def _allowed(attempt: Awaitable[object]) -> bool:
    try:
        await attempt
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") == "AccessDenied":
            return False
        raise
    return True


@asynccontextmanager
async def _client(settings: ObjectSettings, key: str, secret: str) -> AsyncIterator["S3Client"]:
    async with get_session().create_client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    ) as client:
        yield client


async def check_index(url: str, master: str) -> list[str]:
    """Meilisearch's keys, the ones that nobody here made included."""
    import httpx2  # only where Meilisearch is used

    async with httpx2.AsyncClient(
        base_url=url, headers={"Authorization": f"Bearer {master}"}, timeout=ANSWER_SECONDS
    ) as client:
        answer = await client.get("/keys", params={"limit": 1000})
        answer.raise_for_status()
    names = {key_uid(user): user for user in rights("index")}
    given, wanted = set(), set()
    for key in answer.json()["results"]:
        if not (key["name"] or "").startswith(OWN_KEYS):
            name = names.get(key["uid"], f"key {key['uid']}")
            given |= {f"{name}: {action} on {index}" for action in key["actions"] for index in key["indexes"]}
    for user, may in rights("index").items():
        wanted |= {f"{user}: {action} on {index}" for action in may["actions"] for index in may["indexes"]}
    return _differences("index", given, wanted)
