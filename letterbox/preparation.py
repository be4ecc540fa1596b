"""What must be there before the services: roles and database, the bucket. Doing it again changes nothing."""

from collections.abc import Mapping

import asyncpg
from aiobotocore.session import get_session
from botocore.exceptions import ClientError

from libs.rights import MEMBER, OWNER, rights
from libs.service.settings import ObjectSettings

DATABASE = "letterbox"
ROLES = tuple(rights("postgres"))
SCHEMA_OWNER = next(role for role in ROLES if [OWNER] in rights("postgres")[role].values())
"""The role that owns the schema."""
BUCKET_EXISTS = ("BucketAlreadyExists", "BucketAlreadyOwnedByYou")


async def prepare_roles(server: str, password: str, passwords: Mapping[str, str]) -> None:
    """Create the database and its roles on `server` (`postgresql://user@host:port`), each with its password."""
    connection = await asyncpg.connect(f"{server}/postgres", password=password)
    try:
        known = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
        for role in ROLES:
            verb = "alter" if role in known else "create"
            secret = passwords[role].replace("'", "''")
            await connection.execute(f"{verb} role {role} login password '{secret}'")
            for group, verbs in rights("postgres")[role].items():
                if verbs == [MEMBER]:
                    await connection.execute(f"grant {group} to {role}")
        if not await connection.fetchval("select 1 from pg_database where datname = $1", DATABASE):
            await connection.execute(f"create database {DATABASE} owner {SCHEMA_OWNER}")
    finally:
        await connection.close()
    connection = await asyncpg.connect(f"{server}/{DATABASE}", password=password)
    try:
        await connection.execute(
            f"alter schema public owner to {SCHEMA_OWNER}; revoke create on schema public from public"
        )
        await connection.execute(f"revoke connect, temporary on database {DATABASE} from public")
        await connection.execute(f"grant connect on database {DATABASE} to {', '.join(ROLES)}")
        await connection.execute(f"grant usage on schema public to {', '.join(ROLES)}")
    finally:
        await connection.close()


async def prepare_bucket(settings: ObjectSettings) -> None:
    """Create the bucket, with a key that may."""
    async with get_session().create_client(
        "s3",
        endpoint_url=settings.s3_endpoint_url,
        region_name=settings.s3_region,
        aws_access_key_id=settings.s3_access_key,
        aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
    ) as s3:
        try:
            await s3.create_bucket(Bucket=settings.bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in BUCKET_EXISTS:
                raise
