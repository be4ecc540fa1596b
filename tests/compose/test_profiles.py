"""The profiles: consoles behind the owner's login, the reader of Docker's logs, the scanner."""

import asyncio
import json
import time

import aiohttp
import pytest

from tests.compose import stand_ins
from tests.compose.project import Project
from tests.compose.visitor import LONGEST_WAIT_SECONDS, Visitor
from tests.support.clamd import MARKER
from tests.support.files import pdf

pytestmark = pytest.mark.timeout(900)

CONSOLES = ("/grafana/", "/prometheus/", "/alertmanager/", "/pgadmin/", "/minio/")
ASK = """
import sys, urllib.request
request = urllib.request.Request(f"http://docker-proxy:2375{sys.argv[2]}", method=sys.argv[1])
try:
    print(urllib.request.urlopen(request, timeout=20).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.mark.parametrize("console", CONSOLES)
async def test_a_console_is_closed_to_strangers(console: str, visitor: Visitor) -> None:
    for headers in ({}, {"Authorization": f"Bearer {visitor.stack.owner_key}"}):
        address = f"{visitor.stack.door}{console}?key={visitor.stack.owner_key}"
        async with visitor.http.get(address, headers=headers, allow_redirects=False) as answer:
            assert answer.status == 401
    browser = {"Accept": "text/html"}
    async with visitor.http.get(f"{visitor.stack.door}{console}", headers=browser, allow_redirects=False) as answer:
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/search/login?next=")


async def test_the_owner_uses_the_real_prometheus_and_alertmanager(owner: aiohttp.ClientSession) -> None:
    async with owner.get("/prometheus/api/v1/targets") as answer:
        assert (await answer.json())["status"] == "success"
    async with owner.get("/prometheus/", headers={"Accept": "text/html"}, allow_redirects=False) as answer:
        assert answer.headers["Location"].startswith("/prometheus/"), "it knows where it lives"
        assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    async with owner.get("/alertmanager/api/v2/status") as answer:
        assert (await answer.json())["cluster"]["status"]


async def test_prometheus_reaches_all_that_it_measures_and_the_synthetic_check_succeeds(
    owner: aiohttp.ClientSession,
) -> None:
    """But for the NATS exporter, whose stand-in has no figures."""
    until, down = time.monotonic() + LONGEST_WAIT_SECONDS, {"not asked yet"}
    while down:
        assert time.monotonic() < until, down
        await asyncio.sleep(1)
        async with owner.get("/prometheus/api/v1/targets") as answer:
            targets = (await answer.json())["data"]["activeTargets"]
        down = {f"{one['labels']['job']}: {one['lastError']}" for one in targets if one["health"] != "up"}
        down = {one for one in down if not one.startswith("nats: ")}
        assert {"ingest", "gateway", "node", "postgres", "object-store", "form-page", "synthetic"} <= {
            one["labels"]["job"] for one in targets
        }
    succeeded = []
    while not succeeded:
        assert time.monotonic() < until, "no synthetic submission was found and erased"
        await asyncio.sleep(1)
        for query in ("pg_up == 1", "probe_success == 1", 'node_filesystem_avail_bytes{mountpoint="/data"} > 0'):
            assert await _asked(owner, query), query
        succeeded = await _asked(owner, "letterbox_synthetic_success == 1")


async def _asked(owner: aiohttp.ClientSession, query: str) -> list[dict[str, object]]:
    """What Prometheus answers."""
    async with owner.get("/prometheus/api/v1/query", params={"query": query}) as answer:
        return list((await answer.json())["data"]["result"])


async def test_the_owner_gets_to_the_object_stores_own_login(owner: aiohttp.ClientSession) -> None:
    async with owner.get("/minio/", headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.url.path) == (200, "/minio/login")
        assert "password" in await answer.text()


@pytest.mark.parametrize("console", ["/grafana/", "/pgadmin/"])
async def test_consoles_that_only_a_stand_in_stands_for_are_told_who_comes(
    console: str, owner: aiohttp.ClientSession
) -> None:
    async with owner.get(f"{console}api/search?q=1") as answer:
        told = json.loads(await answer.text())
    assert told["stand-in for"] in stand_ins.NEVER_RUN
    assert told["path"] == f"{console}api/search?q=1"
    assert told["headers"]["X-Letterbox-Owner"] == "owner"
    assert "letterbox_session" not in str(told["headers"])


def test_who_reads_logs_can_do_nothing_else_to_docker(stack: Project) -> None:
    victim = stack.container("mail")["Id"]
    asked = {
        ("GET", "/v1.41/containers/json"): "200",
        ("GET", f"/containers/{victim}/json"): "200",
        ("GET", f"/containers/{victim}/logs?stdout=1&tail=1"): "200",
        ("POST", f"/containers/{victim}/kill"): "403",
        ("POST", "/v1.41/containers/create"): "403",
        ("DELETE", f"/containers/{victim}"): "403",
        ("GET", f"/containers/{victim}/archive?path=/etc/passwd"): "403",
        ("GET", f"/containers/{victim}/export"): "403",
        ("GET", "/containers/x/../../secrets/logs"): "403",
        ("GET", "/secrets"): "403",
        ("GET", "/images/json"): "403",
    }
    said = {
        question: stack.compose("exec", "-T", "alloy", "/usr/bin/python3", "-c", ASK, *question).strip()
        for question in asked
    }
    assert said == asked


async def test_an_infected_file_is_kept_from_readers_and_a_clean_one_is_found(visitor: Visitor) -> None:
    infected = await visitor.send("With something in it.", [("bad.pdf", pdf("A nuthatch.") + MARKER)])
    clean = await visitor.send("With nothing in it.", [("good.pdf", pdf("A treecreeper."))])
    ended = await visitor.ended(infected)
    assert ended["status"] == "partly failed"
    assert stand_ins.SIGNATURE in json.dumps(ended)
    assert (await visitor.ended(clean))["status"] == "done"
    assert clean in {hit["contact_id"] for hit in await visitor.found("treecreeper")}
    assert "bad.pdf" not in {hit["filename"] for hit in await visitor.found("nuthatch")}


async def test_the_object_stores_console_comes_back_with_the_object_store(
    stack: Project, owner: aiohttp.ClientSession
) -> None:
    """It lives in the other's network, which ends with it."""
    before = stack.container("object-store-console")["State"]["StartedAt"]
    stack.kill("object-store")
    stack.restarted("object-store-console", before)
    stack.healthy(("object-store", "object-store-console"))
    async with owner.get("/minio/login") as answer:
        assert answer.status == 200
