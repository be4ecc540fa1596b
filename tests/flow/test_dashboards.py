"""Each question that a dashboard asks can be answered: by the metrics of the running stack and its exporters."""

import asyncio
import json
import re
import time
import tomllib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import yaml

from letterbox.local.home import REPOSITORY
from letterbox.local.stack import LocalStack
from libs.events.streams import DURABLES
from tests.support import files
from tests.support.promql import asked
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

GRAFANA = REPOSITORY / "deploy" / "grafana"
DASHBOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((GRAFANA / "dashboards").glob("*.json"))}
SOURCES = yaml.safe_load((GRAFANA / "provisioning/datasources/letterbox.yml").read_text())["datasources"]
SCRAPED = tomllib.loads((REPOSITORY / "deploy/prometheus/scrape.toml").read_text())
NOT_RUN = tomllib.loads((REPOSITORY / "tests/data/metrics-not-run.toml").read_text())
ROW_OF_METRICS = re.compile(r"^\| `(\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
OF_PROMETHEUS = {"job", "instance"}
LABELS_OF_LOKI = {"service", "level", "stream"}


def panels(dashboard: Any) -> Iterator[Any]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", ())


def targets(kind: str) -> list[tuple[str, str]]:
    """(where, query) of every question to one kind of data source."""
    return [
        (f"{name}: {panel['title']}", target["expr"])
        for name, dashboard in DASHBOARDS.items()
        for panel in panels(dashboard)
        for target in panel.get("targets", ())
        if target["datasource"]["type"] == kind
    ]


def plain(expr: str) -> str:
    """The query without Grafana's own words."""
    return expr.replace("$__rate_interval", "1m")


@pytest.fixture(scope="module")
async def visitor() -> AsyncIterator[Visitor]:
    environment = {"ingest": RATES_OFF, "monitoring": {"LETTERBOX_MONITORING": "1"}}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        sent = (await visitor.send(files=[("walnut.pdf", files.pdf("walnut"))])).id
        await visitor.ended(sent)
        await visitor.found("walnut")
        yield visitor


@pytest.fixture(scope="module")
async def exported(visitor: Visitor) -> dict[str, set[str]]:
    """Each metric that somebody exports, and its labels: what Prometheus has, what is declared, what is recorded."""
    jobs, now = {name for name, one in SCRAPED.items() if "local" in one}, time.time()

    async def all_scraped() -> bool:
        seen = await of_prometheus(visitor, f"timestamp(up == 1) > {now}")
        return jobs <= {series["job"] for series in seen}

    await eventually(all_scraped)
    known: dict[str, set[str]] = {}
    for series in await series_of(visitor):
        known.setdefault(series["__name__"], set()).update(series)
    for name, kind, labels in ROW_OF_METRICS.findall((REPOSITORY / "docs/metrics.md").read_text()):
        for suffix in ("_bucket", "_count", "_sum") if kind == "histogram" else ("",):
            own = {label.strip() for label in labels.split(",") if label.strip()}
            known.setdefault(name + suffix, set()).update(
                own | OF_PROMETHEUS | ({"le"} if suffix == "_bucket" else set())
            )
    declared = await declared_by_services(visitor.stack, visitor)
    assert {name for name, _, _ in ROW_OF_METRICS.findall((REPOSITORY / "docs/metrics.md").read_text())} <= declared
    return known


async def of_prometheus(visitor: Visitor, query: str) -> list[dict[str, str]]:
    answer = await visitor.ask("GET", "/api/v1/query", at=visitor.stack.address("prometheus"), params={"query": query})
    assert answer.status == 200, (query, answer.text)
    return [one["metric"] for one in answer.body["data"]["result"]]


async def series_of(visitor: Visitor) -> list[dict[str, str]]:
    asks = {"match[]": '{__name__=~".+"}'}
    answer = await visitor.ask("GET", "/api/v1/series", at=visitor.stack.address("prometheus"), params=asks)
    return list(answer.body["data"])


async def declared_by_services(stack: LocalStack, visitor: Visitor) -> set[str]:
    """Names in the `# TYPE` lines of all services: a counter with labels is declared before it first counts."""
    names: set[str] = set()
    for service in ("ingest", "storage", "indexer", "notifier", "search", "synthetic"):
        at = stack.running[service].part.health.removesuffix("/health/ready")
        names |= set(re.findall(r"^# TYPE (\w+) ", (await visitor.ask("GET", "/metrics", at=at)).text, re.MULTILINE))
    return names


async def test_every_metric_and_label_of_every_query_is_exported(exported: dict[str, set[str]]) -> None:
    not_run = {name: set(labels) | OF_PROMETHEUS for one in NOT_RUN.values() for name, labels in one["metrics"].items()}
    rules = yaml.safe_load((REPOSITORY / "deploy/prometheus/rules.yml").read_text())
    recorded = {rule["record"]: set[str]() for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    alerts = {"ALERTS": {"alertname", "alertstate", "severity"}}
    known = not_run | recorded | alerts | exported
    wrong = []
    for where, expr in targets("prometheus"):
        query = asked(plain(expr))
        assert query.selectors, (where, expr)
        for selector in query.selectors:
            if selector.metric not in known:
                wrong.append((where, f"nobody exports {selector.metric}"))
                continue
            missing = set(selector.matchers) - known[selector.metric]
            wrong += [(where, f"{selector.metric} has no label {label}") for label in missing]
        labels = set().union(*(known.get(one.metric, set()) for one in query.selectors))
        wrong += [(where, f"no metric there has the label {label}") for label in query.grouped - labels]
    assert wrong == []


async def test_every_query_is_one_that_prometheus_understands(visitor: Visitor) -> None:
    queries = sorted({plain(expr) for _, expr in targets("prometheus")})
    for some in range(0, len(queries), 20):
        await asyncio.gather(*(of_prometheus(visitor, query) for query in queries[some : some + 20]))


async def test_queries_ask_for_jobs_and_durables_that_there_are(exported: dict[str, set[str]]) -> None:
    durables = {durable.name for durable in DURABLES}
    for where, expr in targets("prometheus"):
        for selector in asked(plain(expr)).selectors:
            if "job" in selector.matchers:
                assert selector.matchers["job"] in SCRAPED, where
            if "durable" in selector.matchers:
                wanted = re.compile(selector.matchers["durable"])
                assert any(wanted.fullmatch(name) for name in durables), where


async def test_what_is_not_run_here_is_exported_by_nobody_here(exported: dict[str, set[str]]) -> None:
    listed = {name for one in NOT_RUN.values() for name in one["metrics"]}
    used = {selector.metric for _, expr in targets("prometheus") for selector in asked(plain(expr)).selectors}
    assert listed & set(exported) == set()
    assert listed <= used, "a listed metric that no dashboard uses"
    assert all(one["source"] for one in NOT_RUN.values())


def test_logs_are_asked_for_by_labels_that_alloy_gives() -> None:
    for where, expr in targets("loki"):
        named = set(re.findall(r'[{,]\s*(\w+)\s*(?:=~|!~|!=|=)\s*"', expr.split("|")[0]))
        grouped = {label.strip() for labels in re.findall(r"by \(([^)]*)\)", expr) for label in labels.split(",")}
        assert named, where
        assert named | grouped <= LABELS_OF_LOKI, where


def test_dashboards_have_addresses_of_their_own_and_known_sources() -> None:
    uids = {source["uid"] for source in SOURCES}
    assert uids == {"prometheus", "loki", "tempo"}
    assert [dashboard["uid"] for dashboard in DASHBOARDS.values()] == list(DASHBOARDS)
    assert len(DASHBOARDS) == 12
    for name, dashboard in DASHBOARDS.items():
        for panel in panels(dashboard):
            for target in panel.get("targets", ()):
                assert target["datasource"]["uid"] in uids, name


def test_one_thing_leads_to_the_other() -> None:
    prometheus, loki, tempo = (
        next(one for one in SOURCES if one["uid"] == uid) for uid in ("prometheus", "loki", "tempo")
    )
    assert prometheus["jsonData"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == "tempo"
    assert loki["jsonData"]["derivedFields"][0]["datasourceUid"] == "tempo"
    assert tempo["jsonData"]["tracesToLogsV2"]["datasourceUid"] == "loki"
    with_exemplars = [
        panel["title"]
        for panel in panels(DASHBOARDS["letterbox-overview"])
        if any(target.get("exemplar") for target in panel.get("targets", ()))
    ]
    assert "Time to accept" in with_exemplars


def test_the_picture_of_the_flow_shows_only_what_is_asked_for() -> None:
    picture = next(panel for panel in panels(DASHBOARDS["letterbox-overview"]) if panel["type"] == "canvas")
    named = {target["legendFormat"] for target in picture["targets"]}
    elements = picture["options"]["root"]["elements"]
    boxes = {element["name"] for element in elements if element["type"] == "rectangle"}
    shown = {element["config"]["text"]["field"] for element in elements if element["type"] == "metric-value"}
    arrows = {arrow["targetName"] for element in elements for arrow in element.get("connections", ())}
    assert shown == named == boxes
    assert arrows < boxes
