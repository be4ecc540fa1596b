"""One trace joins a submission's way through all services; what is not sampled leaves only its errors."""

import asyncio
import json
import re
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest

from letterbox.local.stack import LocalStack
from tests.support import files
from tests.support.otlp import EVERYTHING, NOTHING, Span, SpanCollector
from tests.support.stack import isolated_stack
from tests.support.visitor import Visitor, eventually, good, visiting

FORGED = f"00-{'a' * 32}-{'b' * 16}-01"
"""What a visitor sends who wants to choose a trace."""


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[SpanCollector]:
    async with SpanCollector() as collector:
        yield collector


@pytest.fixture(scope="module")
async def visitor(collector: SpanCollector) -> AsyncIterator[Visitor]:
    """A visitor of a stack that records every trace."""
    async with isolated_stack(environment=collector.environment(EVERYTHING)) as stack, visiting(stack) as visitor:
        yield visitor


async def redeliveries(session: aiohttp.ClientSession, stack: LocalStack) -> float:
    operations = stack.running["storage"].part.health.removesuffix("/health/ready")
    async with session.get(f"{operations}/metrics") as answer:
        found = re.search(r'event_redeliveries_total\{durable="storage-record"\} (\S+)', await answer.text())
        return float(found.group(1)) if found else 0.0


async def as_superuser(stack: LocalStack, statement: str) -> None:
    address = stack.running["postgres"].part.address.removeprefix("postgresql://")
    connection = await asyncpg.connect(f"postgresql://postgres@{address}", password=stack.password("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def log_of(stack: LocalStack, name: str) -> str:
    return (stack.home.logs / f"{name}.log").read_text()


async def trace_of(stack: LocalStack, submission_id: str) -> str:
    """The trace id that ingest's log has for a submission."""

    async def look() -> str | None:
        lines = [line for line in log_of(stack, "ingest").splitlines() if submission_id in line]
        return str(json.loads(lines[0])["trace_id"]) if lines else None

    return await eventually(look)


async def test_one_trace_joins_the_spans_and_logs_of_all_services(visitor: Visitor, collector: SpanCollector) -> None:
    stack = visitor.stack
    await as_superuser(stack, "revoke insert on contact_submissions from storage")
    documents = [("a.pdf", files.pdf("one")), ("b.docx", files.docx("two"))]
    sent = [(await visitor.send(files=documents)).id for _ in range(3)]
    async with asyncio.timeout(20):
        while await redeliveries(visitor.http, stack) < 1:
            await asyncio.sleep(0.1)
    await as_superuser(stack, "grant insert on contact_submissions to storage")
    for submission_id in sent:
        assert (await visitor.ended(submission_id))["status"] == "done"
    traces = [await trace_of(stack, submission_id) for submission_id in sent]
    everybody = {"gateway", "ingest", "storage", "indexer", "notifier"}

    async def whole() -> bool:
        known = {span.span_id for span in collector.spans}
        seen = [{span.service for span in collector.spans if span.trace_id == one} for one in traces]
        return seen == [everybody] * 3 and all(s.parent_id in known for s in collector.spans if s.parent_id)

    await eventually(whole)
    rootless = [s for s in collector.spans if not s.parent_id and not s.links and s.service != "gateway"]
    assert rootless == []
    assert any(span.name.startswith("process batch") and len(span.links) > 1 for span in collector.spans)
    for trace_id in traces:
        joined = [span for span in collector.spans if span.trace_id == trace_id]
        assert [span.name for span in joined if not span.parent_id] == ["gateway"]
        attempts = [span for span in joined if span.name == "process submission.created" and span.service == "storage"]
        assert any(span.failed for span in attempts)
        assert any(not span.failed for span in attempts)

        async def in_all_logs(trace_id: str = trace_id) -> bool:
            return all(trace_id in log_of(stack, name) for name in ("caddy", *everybody - {"gateway"}))

        await eventually(in_all_logs)


async def test_reading_and_indexing_are_spans_inside_the_handling_of_the_event(
    visitor: Visitor, collector: SpanCollector
) -> None:
    sent = (await visitor.send(files=[("a.pdf", files.pdf("whether it is read"))])).id
    await visitor.ended(sent)
    trace_id = await trace_of(visitor.stack, sent)

    def named(name: str, durable: str) -> list[Span]:
        spans = [span for span in collector.spans if span.service == "indexer" and span.name == name]
        return [span for span in spans if _handled_by(collector, span, trace_id) == durable]

    async def all_there() -> bool:
        reading = named("download", "indexer-extract") and named("sandbox", "indexer-extract")
        arrived = any(span.trace_id == trace_id and span.service == "gateway" for span in collector.spans)
        return bool(arrived and reading and named("index", "indexer-index") and named("upload", "indexer-extract"))

    await eventually(all_there)
    for span in (*named("download", "indexer-extract"), *named("sandbox", "indexer-extract")):
        assert [one.name for one in collector.ancestors(span)] == [
            "process document.stored", "publish document.stored", "process submission.created",
            "publish submission.created", "POST /contact", "gateway",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "metric"), [("ingest", "http_request_duration_seconds"), ("search", "search_seconds")]
)
async def test_a_measurement_leads_to_its_trace(
    visitor: Visitor, collector: SpanCollector, service: str, metric: str
) -> None:
    """As Prometheus asks for it, with exemplars."""
    await visitor.ended((await visitor.send({"message": "a marble mandolin"})).id)
    assert await visitor.found("mandolin")
    operations = visitor.stack.running[service].part.health.removesuffix("/health/ready")
    asking = {"Accept": "application/openmetrics-text;version=1.0.0"}
    async with visitor.http.get(f"{operations}/metrics", headers=asking) as answer:
        assert answer.content_type == "application/openmetrics-text"
        text = await answer.text()
    found = re.findall(rf'^{metric}_bucket.* # {{trace_id="([0-9a-f]{{32}})"}} ', text, re.MULTILINE)
    assert found

    async def known() -> bool:
        return {span.trace_id for span in collector.spans if span.service == service} >= set(found)

    await eventually(known)


async def test_a_search_is_a_trace_with_its_index_and_its_record(visitor: Visitor, collector: SpanCollector) -> None:
    sent = (await visitor.send({"message": "a marble madrigal"})).id
    await visitor.ended(sent)
    assert await visitor.found("madrigal")

    async def recorded() -> list[Span]:
        return [span for span in collector.spans if span.service == "search" and span.name == "search index"]

    span = (await eventually(recorded))[0]

    async def whole() -> bool:
        return [one.name for one in collector.ancestors(span)] == ["POST /documents/search", "gateway"]

    await eventually(whole)
    beside = {one.name for one in collector.spans if one.parent_id == span.parent_id}
    assert "documents" in beside


async def test_no_visitor_chooses_a_trace(visitor: Visitor, collector: SpanCollector) -> None:
    sent = (await visitor.send(headers={"traceparent": FORGED, "tracestate": "a=b"})).id
    await visitor.ended(sent)
    assert await trace_of(visitor.stack, sent) != "a" * 32
    assert not [span for span in collector.spans if span.trace_id == "a" * 32]


async def test_of_a_trace_that_is_not_sampled_only_the_errors_are_kept() -> None:
    async with SpanCollector() as collector:
        environment = collector.environment(NOTHING)
        async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
            fine = (await visitor.send()).id
            broken = (await visitor.send(files=[("broken.pdf", b"%PDF-1.7 and nothing more")])).id
            for submission_id in (fine, broken):
                await visitor.ended(submission_id)
            await as_superuser(stack, "revoke insert on contact_submissions from storage")
            unlucky = (await visitor.send(good({"message": "nobody may store it"}))).id

            async def redelivered() -> bool:
                return await redeliveries(visitor.http, stack) >= 1

            await eventually(redelivered)
            await as_superuser(stack, "grant insert on contact_submissions to storage")
            await visitor.ended(unlucky)
            traces = {name: await trace_of(stack, sid) for name, sid in (("broken", broken), ("unlucky", unlucky))}

            async def both() -> bool:
                return {span.trace_id for span in collector.spans} >= set(traces.values())

            await eventually(both)
    assert {span.trace_id for span in collector.spans} == set(traces.values())
    assert all(span.failed for span in collector.spans)
    reading = [span for span in collector.spans if span.trace_id == traces["broken"]]
    assert [(span.service, span.name, span.attributes["error.type"]) for span in reading] == [
        ("indexer", "sandbox", "broken")
    ]
    storing = [span for span in collector.spans if span.trace_id == traces["unlucky"]]
    assert {(span.service, span.name) for span in storing} == {("storage", "process submission.created")}


def _handled_by(collector: SpanCollector, span: Span, trace_id: str) -> str:
    """The durable in whose handling of this trace's event a span lies; empty when it does not."""
    for above in collector.ancestors(span):
        durable = above.attributes.get("messaging.consumer.group.name", "")
        if durable and (above.trace_id == trace_id or trace_id in above.links):
            return durable
    return ""
