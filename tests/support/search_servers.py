"""What search stands on, for its tests: a real PostgreSQL with storage's schema, and a real object store."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from letterbox.local.objects import REGION, access_key
from letterbox.local.postgres import DATABASE
from letterbox.local.stack import LocalStack
from libs.objects.store import ObjectStore, object_store
from libs.postgres.pool import Pool, postgres_pool
from libs.service.settings import ObjectSettings, PostgresSettings
from services.storage.migrate import migrate
from tests.support.stack import isolated_stack


@dataclass(frozen=True)
class Servers:
    """Both servers, with the rights of who fills them."""

    stack: LocalStack
    pool: Pool
    objects: ObjectStore

    @property
    def postgres_port(self) -> int:
        return self.stack.ports["postgres"]

    @property
    def s3_port(self) -> int:
        return self.stack.ports["object-store"]

    def objects_as(self, service: str, port: int) -> ObjectSettings:
        return objects_as(self.stack, service, port)

    def postgres_as(self, role: str, port: int) -> PostgresSettings:
        return postgres_as(self.stack, role, port)


def objects_as(stack: LocalStack, service: str, port: int) -> ObjectSettings:
    """The object store at `port` with a service's own key."""
    return ObjectSettings(
        s3_endpoint_url=f"http://127.0.0.1:{port}",
        s3_region=REGION,
        s3_access_key=access_key(service),
        s3_secret_key=SecretStr(stack.secret(f"s3-{service}")),
    )


def postgres_as(stack: LocalStack, role: str, port: int) -> PostgresSettings:
    """PostgreSQL at `port` as a role of its own."""
    return PostgresSettings(
        postgres_dsn=f"postgresql://{role}@127.0.0.1:{port}/{DATABASE}",
        postgres_password=SecretStr(stack.password(role)),
    )


@asynccontextmanager
async def running() -> AsyncIterator[Servers]:
    """Both servers with empty data, until the end of the block."""
    async with (
        isolated_stack(("postgres", "object-store")) as stack,
        postgres_pool(postgres_as(stack, "storage", stack.ports["postgres"])) as pool,
        object_store(objects_as(stack, "operator", stack.ports["object-store"])) as objects,
    ):
        await migrate(pool)
        yield Servers(stack, pool, objects)
