"""`letterbox prepare`: what the one-shots of compose do, on real servers; doing it again changes nothing."""

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from letterbox.index_keys import key_of, key_uid
from letterbox.local.stack import LocalStack
from letterbox.preparation import ROLES
from tests.support.prepare import prepare
from tests.support.stack import isolated_stack

MASTER = "a-master-key-of-the-test"
PARTS = ("postgres", "nats", "objects", "index")


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[LocalStack]:
    async with isolated_stack(("postgres", "nats", "object-store")) as stack:
        yield stack


async def log_in(stack: LocalStack, role: str, password: str) -> None:
    url = f"postgresql://{role}@127.0.0.1:{stack.ports['postgres']}/letterbox"
    connection = await asyncpg.connect(url, password=password)
    await connection.close()


async def test_twice_is_like_once_and_a_new_password_is_taken(stack: LocalStack, tmp_path: Path) -> None:
    for round_ in ("first", "second"):
        for role in ROLES:
            (tmp_path / f"postgres-{role}").write_text(f"{role}'s {round_} password\n")
        for _ in range(2):
            done = prepare(stack, *PARTS, secrets=tmp_path, bucket="another-bucket")
            assert done.returncode == 0, done.stderr
        for role in ROLES:
            await log_in(stack, role, f"{role}'s {round_} password")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await log_in(stack, "search", "search's first password")


def test_a_key_is_what_meilisearchs_documentation_says_it_is() -> None:
    """`echo -n UID | openssl dgst -sha256 -hmac MASTER`."""
    command = ["openssl", "dgst", "-sha256", "-hmac", MASTER]
    said = subprocess.run(command, input=key_uid("search"), capture_output=True, text=True, check=True).stdout
    assert said.split()[-1] == key_of("search", MASTER)
