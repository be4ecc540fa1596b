"""More of each service, and a new version under load: visitors notice nothing, and nothing is lost."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.compose import images
from tests.compose.project import SERVICES, Project, service_of
from tests.compose.visitor import Visitor
from tests.support.files import pdf
from tests.support.visitor import fresh_key, good

pytestmark = pytest.mark.timeout(900)

SCALED = ("--scale", "ingest=2", "--scale", "indexer=3")
SLOW_SECONDS = 8.0
NEXT = "next"


@pytest.fixture
def scaled(stack: Project) -> Iterator[Project]:
    """Two doors and three indexers, for as long as the test runs."""
    stack.up(*SCALED)
    yield stack
    stack.up()


async def test_two_doors_share_visitors_and_limits_and_another_indexer_takes_over(
    scaled: Project, visitor: Visitor
) -> None:
    sent = [await visitor.send(f"Number {number}.") for number in range(20)]
    answered = [
        _accepted(scaled, container["Id"]) for container in scaled.containers() if service_of(container) == "ingest"
    ]
    assert len(answered) == 2
    assert all(answered), "both doors were used"
    assert '"instances": 2' in scaled.log("ingest", 500), "each knows of the other, and allows its half"
    assert scaled.log("indexer", 500).count('"standing by"') >= 2
    writers = [
        one["Id"] for one in scaled.containers() if service_of(one) == "indexer" and not _stands_by(scaled, one["Id"])
    ]
    assert len(writers) == 1
    scaled.docker("stop", "--time", "20", writers[0])
    sent.append(await visitor.send("To the next indexer.", [("next.pdf", pdf("An albatross takes over."))]))
    assert {(await visitor.ended(one))["status"] for one in sent} == {"done"}
    assert sent[-1] in {hit["contact_id"] for hit in await visitor.found("albatros")}


async def test_a_new_version_under_load_fails_no_request_and_loses_no_event(stack: Project, visitor: Visitor) -> None:
    for service in images.IMAGES:
        images.derive(service, NEXT)
    before = {service_of(one): one["Image"] for one in stack.containers()}
    load = Load(visitor)
    running = asyncio.create_task(load.run())
    await load.going()
    stack.version = NEXT
    try:
        await asyncio.to_thread(stack.up)
        await asyncio.sleep(3)
    finally:
        load.enough.set()
        await running
    after = {service_of(one): one["Image"] for one in stack.containers()}
    assert all(before[name] != after[name] for name in SERVICES)
    assert {name for name in ("nats", "postgres", "object-store", "caddy") if before[name] != after[name]} == set()
    why = [line for line in stack.log("caddy", 5000).splitlines() if '"status":502' in line]
    assert load.failed == [], "\n".join(why)
    assert len(load.accepted) > 20
    assert load.slow > 1
    ended = [await visitor.ended(one) for one in load.accepted]
    assert {journey["status"] for journey in ended} == {"done"}


@dataclass
class Load:
    """Visitors who keep writing, some of them slowly, until it is enough."""

    visitor: Visitor
    enough: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    slow: int = 0

    async def run(self) -> None:
        """Two who write again and again, and one who uploads slowly."""
        await asyncio.gather(self._writes(), self._writes(), self._uploads())

    async def going(self) -> None:
        """Wait until the first is accepted."""
        until = time.monotonic() + 60
        while len(self.accepted) < 3:
            assert time.monotonic() < until, self.failed
            await asyncio.sleep(0.1)

    async def _writes(self) -> None:
        while not self.enough.is_set():
            await self._post(json=good({"message": "Under load."}))
            await asyncio.sleep(0.2)

    async def _uploads(self) -> None:
        while not self.enough.is_set():
            if await self._post(data=_slow_form()):
                self.slow += 1

    async def _post(self, **body: object) -> bool:
        headers = {"Idempotency-Key": fresh_key()}
        url = f"{self.visitor.stack.door}/contact"
        try:
            async with self.visitor.http.post(url, headers=headers, **body) as answer:  # type: ignore[arg-type]
                if answer.status != 202:
                    self.failed.append(f"{answer.status} {await answer.text()}")
                    return False
                self.accepted.append((await answer.json())["id"])
                return True
        except (aiohttp.ClientError, TimeoutError) as error:
            self.failed.append(repr(error))
            return False


def _slow_form() -> aiohttp.FormData:
    content = pdf("A slow upload.")

    async def slowly() -> object:
        for begin in range(0, len(content), len(content) // 8):
            yield content[begin : begin + len(content) // 8]
            await asyncio.sleep(SLOW_SECONDS / 8)

    form = aiohttp.FormData(good({"message": "Slowly."}), default_to_multipart=True)
    form.add_field("files", slowly(), filename="slow.pdf", content_type="application/pdf")
    return form


def _accepted(stack: Project, container: str) -> float:
    """How many submissions one door took."""
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:9000/metrics').read().decode())"
    text = stack.docker("exec", container, "/app/bin/python", "-I", "-c", ask)
    counts = [
        line.rpartition(" ")[2]
        for line in text.splitlines()
        if line.startswith("http_requests_total{") and '"202"' in line
    ]
    return sum(map(float, counts))


def _stands_by(stack: Project, container: str) -> bool:
    said = stack.docker("logs", container)
    return '"standing by"' in said and '"started"' not in said
