"""One trace joins a submission's way through all services: with two files, one redelivery, and batches."""

import asyncio
import json
import re

import aiohttp
import asyncpg

from letterbox.local.stack import LocalStack
from tests.support import files
from tests.support.otlp import SpanCollector
from tests.support.stack import isolated_stack
from tests.support.visitor import visiting

QUICKLY = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_TIMEOUT": "2"}


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


async def test_one_trace_joins_the_spans_and_logs_of_all_services() -> None:
    async with SpanCollector() as collector, aiohttp.ClientSession() as session:
        export = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, **QUICKLY}
        async with isolated_stack(environment={"*": export, "caddy": export}) as stack, visiting(stack) as visitor:
            await as_superuser(stack, "revoke insert on contact_submissions from storage")
            documents = [("a.pdf", files.pdf("one")), ("b.docx", files.docx("two"))]
            sent = [(await visitor.send(files=documents)).id for _ in range(3)]
            async with asyncio.timeout(20):
                while await redeliveries(session, stack) < 1:
                    await asyncio.sleep(0.1)
            await as_superuser(stack, "grant insert on contact_submissions to storage")
            for submission_id in sent:
                assert (await visitor.ended(submission_id))["status"] == "done"
            await asyncio.sleep(0.5)
            for name in ("caddy", "ingest", "storage", "indexer", "notifier"):
                await stack.stop(name)
            logs = {name: (stack.home.logs / f"{name}.log").read_text() for name in stack.running}

    known = {span.span_id for span in collector.spans}
    orphans = [
        span
        for span in collector.spans
        if (span.parent_id and span.parent_id not in known)
        or (not span.parent_id and not span.links and span.service != "gateway")
    ]
    assert orphans == []
    assert any(span.name.startswith("process batch") and len(span.links) > 1 for span in collector.spans)
    for submission_id in sent:
        line = next(line for line in logs["ingest"].splitlines() if f"submission.created.{submission_id}" in line)
        trace_id = json.loads(line)["trace_id"]
        joined = [span for span in collector.spans if span.trace_id == trace_id]
        assert {span.service for span in joined} == {"gateway", "ingest", "storage", "indexer", "notifier"}
        assert [span.name for span in joined if not span.parent_id] == ["gateway"]
        attempts = [span for span in joined if span.name == "process submission.created" and span.service == "storage"]
        assert any(span.failed for span in attempts)
        assert any(not span.failed for span in attempts)
        assert all(trace_id in logs[name] for name in ("ingest", "storage", "indexer", "notifier"))
