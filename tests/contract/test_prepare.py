"""`letterbox prepare`: what the one-shots of compose do, on real servers; doing it again changes nothing."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from letterbox.index_keys import ACTIONS, INDEXES, key_of, key_uid, prepare_keys
from letterbox.local.home import REPOSITORY
from letterbox.local.objects import access_key
from letterbox.local.stack import LocalStack
from letterbox.preparation import ROLES
from tests.support.stack import isolated_stack

MASTER = "a-master-key-of-the-test"


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[LocalStack]:
    async with isolated_stack(("postgres", "nats", "object-store")) as stack:
        yield stack


def prepare(stack: LocalStack, secrets: Path, *parts: str) -> None:
    environment = {
        "LETTERBOX_POSTGRES_SERVER": f"postgresql://postgres@127.0.0.1:{stack.ports['postgres']}",
        "LETTERBOX_POSTGRES_PASSWORD": stack.password("postgres"),
        "LETTERBOX_SECRETS_PATH": str(secrets),
        "LETTERBOX_NATS_URL": stack.address("nats"),
        "LETTERBOX_NATS_USER": "provision",
        "LETTERBOX_NATS_PASSWORD": stack.secret("nats-provision"),
        "LETTERBOX_S3_ENDPOINT_URL": stack.address("object-store"),
        "LETTERBOX_S3_ACCESS_KEY": access_key("operator"),
        "LETTERBOX_S3_SECRET_KEY": stack.secret("s3-operator"),
        "LETTERBOX_BUCKET": "another-bucket",
    }
    done = subprocess.run(
        [sys.executable, "-m", "letterbox", "prepare", *parts],
        capture_output=True, text=True, cwd=REPOSITORY, env={"PATH": os.environ["PATH"], **environment}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def log_in(stack: LocalStack, role: str, password: str) -> None:
    url = f"postgresql://{role}@127.0.0.1:{stack.ports['postgres']}/letterbox"
    connection = await asyncpg.connect(url, password=password)
    await connection.close()


async def test_twice_is_like_once_and_a_new_password_is_taken(stack: LocalStack, tmp_path: Path) -> None:
    for round_ in ("first", "second"):
        for role in ROLES:
            (tmp_path / f"postgres-{role}").write_text(f"{role}'s {round_} password\n")
        for _ in range(2):
            prepare(stack, tmp_path, "postgres", "nats", "objects", "index")
        for role in ROLES:
            await log_in(stack, role, f"{role}'s {round_} password")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await log_in(stack, "search", "search's first password")


class Keys:
    """The part of Meilisearch's `/keys` that is used, as its documentation tells it."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}
        self.changes = 0
        app = web.Application()
        app.router.add_get("/keys/{uid}", self._one)
        app.router.add_delete("/keys/{uid}", self._remove)
        app.router.add_post("/keys", self._add)
        self.server = TestServer(app)

    async def _one(self, request: web.Request) -> web.Response:
        key = self.kept.get(request.match_info["uid"])
        return web.json_response(key or {"code": "api_key_not_found"}, status=200 if key else 404)

    async def _remove(self, request: web.Request) -> web.Response:
        self.changes += 1
        del self.kept[request.match_info["uid"]]
        return web.Response(status=204)

    async def _add(self, request: web.Request) -> web.Response:
        self.changes += 1
        key = await request.json()
        self.kept[key["uid"]] = key
        return web.json_response(key, status=201)


async def test_each_who_searches_has_a_key_of_its_own_and_a_right_added_by_hand_is_taken_away() -> None:
    keys = Keys()
    async with keys.server as server:
        await prepare_keys(str(server.make_url("")), MASTER)
        made = {key["name"]: key for key in keys.kept.values()}
        assert {name: key["actions"] for name, key in made.items()} == {
            f"letterbox-{user}": actions for user, actions in ACTIONS.items()
        }
        assert all(key["indexes"] == INDEXES for key in made.values())
        before = keys.changes
        await prepare_keys(str(server.make_url("")), MASTER)
        assert keys.changes == before
        keys.kept[key_uid("search")]["actions"] = ["search", "documents.delete"]
        await prepare_keys(str(server.make_url("")), MASTER)
        assert keys.kept[key_uid("search")]["actions"] == ["search"]


def test_a_key_is_what_meilisearchs_documentation_says_it_is() -> None:
    """`echo -n UID | openssl dgst -sha256 -hmac MASTER`."""
    command = ["openssl", "dgst", "-sha256", "-hmac", MASTER]
    said = subprocess.run(command, input=key_uid("search"), capture_output=True, text=True, check=True).stdout
    assert said.split()[-1] == key_of("search", MASTER)
