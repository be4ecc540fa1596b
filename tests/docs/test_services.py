"""The page of each service says of it what the code says: what it consumes and emits, its durables, its metrics."""

import re

import pytest

from letterbox.local.home import REPOSITORY
from libs.events.catalogue import EVENTS
from libs.events.documentation import EMITTERS
from libs.events.streams import DURABLES

SERVICES = ("ingest", "storage", "indexer", "notifier", "search")
METRIC = re.compile(r"(?:Counter|Gauge|Histogram)\(\s*\"([a-z_]+)\"", re.MULTILINE)


def facts(service: str) -> dict[str, set[str]]:
    """The first table of a service's page: what stands in code under each word."""
    text = (REPOSITORY / f"docs/services/{service}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (.*) \|$", text, re.MULTILINE)
    return {word: set(re.findall(r"`([^`]+)`", said)) for word, said in rows}


def durables_of(service: str) -> dict[str, set[str]]:
    """The durables of a service, each with the types of its events."""
    mine = [durable for durable in DURABLES if durable.name.partition("-")[0] == service]
    return {durable.name: {event.type for event in durable.events} for durable in mine}


@pytest.mark.parametrize("service", SERVICES)
def test_a_page_names_the_durables_and_what_they_consume(service: str) -> None:
    durables = durables_of(service)
    everything = {event.type for event in EVENTS}
    consumed = {kind for kinds in durables.values() if kinds != everything for kind in kinds}
    assert facts(service)["durables"] == set(durables)
    assert facts(service)["consumes"] == consumed


@pytest.mark.parametrize("service", SERVICES)
def test_a_page_names_what_the_service_emits(service: str) -> None:
    emitted = {kind for kind, services in EMITTERS.items() if service in services.split(", ")}
    assert emitted
    assert facts(service)["emits"] == emitted


@pytest.mark.parametrize("service", SERVICES)
def test_a_page_names_the_metrics_of_the_service(service: str) -> None:
    sources = (REPOSITORY / "services" / service).rglob("*.py")
    own = {name for source in sources for name in METRIC.findall(source.read_text(encoding="utf-8"))}
    listed = (REPOSITORY / "docs/metrics.md").read_text(encoding="utf-8")
    assert own
    assert own <= facts(service)["metrics"]
    assert all(f"`{name}`" in listed for name in facts(service)["metrics"])


def test_the_table_of_the_architecture_says_the_same() -> None:
    text = (REPOSITORY / "docs/architecture.md").read_text(encoding="utf-8")
    rows = {row[0]: row for row in re.findall(r"^\| (\w+) \| (.*?) \| (.*?) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)}
    for service in SERVICES:
        consumes, emits = (set(re.findall(r"`([^`]+)`", cell)) for cell in rows[service][2:4])
        assert consumes == facts(service)["consumes"], service
        assert emits == facts(service)["emits"], service
