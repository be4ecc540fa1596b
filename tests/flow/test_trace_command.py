"""`letterbox trace`: the whole way of one submission, on a real stack; its spans and logs from stand-ins, too."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import nats
import pytest

from libs.events.catalogue import SubmissionStored
from libs.events.envelope import headers_for
from tests.support import files
from tests.support.command import letterbox
from tests.support.loki_and_tempo import LokiAndTempo
from tests.support.otlp import SpanCollector
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, visiting

SAMPLED = {"OTEL_TRACES_SAMPLER": "parentbased_always_on", "OTEL_BSP_SCHEDULE_DELAY": "100"}
DOCUMENTS = [("walnut.pdf", files.pdf("walnut")), ("broken.pdf", b"%PDF-1.7 but nothing more")]


@pytest.fixture(scope="module")
async def collector() -> AsyncIterator[SpanCollector]:
    async with SpanCollector() as collector:
        yield collector


@pytest.fixture(scope="module")
async def visitor(collector: SpanCollector) -> AsyncIterator[Visitor]:
    export = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, **SAMPLED}
    environment = {"*": export, "caddy": export, "ingest": RATES_OFF}
    async with isolated_stack(environment=environment) as stack, visiting(stack) as visitor:
        yield visitor


@pytest.fixture(scope="module")
async def sent(visitor: Visitor) -> str:
    """A submission that went all the way, with a file that cannot be read."""
    submission = (await visitor.send({"name": "Ada Lovelace"}, files=DOCUMENTS)).id
    assert (await visitor.ended(submission))["status"] == "partly failed"
    return submission


@pytest.fixture(scope="module")
async def way(visitor: Visitor, sent: str) -> Any:
    """What the command tells of it."""
    return await trace(visitor, sent)


async def trace(visitor: Visitor, identity: str) -> Any:
    done = await letterbox(visitor.stack, "trace", identity, "--json")
    assert done.status == 0, done.err
    return done.json


async def as_superuser(visitor: Visitor, statement: str) -> None:
    address = visitor.stack.running["postgres"].part.address.removeprefix("postgresql://")
    password = visitor.stack.password("postgres")
    connection = await asyncpg.connect(f"postgresql://postgres@{address}", password=password)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def test_every_event_is_there_with_its_service_and_its_delay(way: Any) -> None:
    told = [(event["service"], event["type"], event["about"]) for event in way["events"]]
    assert told[0] == ("ingest", "submission.created", "")
    assert set(told) >= {
        ("storage", "submission.stored", ""),
        ("storage", "document.stored", "1"),
        ("indexer", "document.extracted", "1.1"),
        ("indexer", "document.indexed", "1.1"),
        ("indexer", "document.failed", "2.1"),
        ("notifier", "notification.sent", "owner"),
        ("notifier", "notification.sent", "sender"),
    }
    delays = [event["after_seconds"] for event in way["events"]]
    assert delays[0] == 0
    assert delays == sorted(delays)
    failed = next(event for event in way["events"] if event["type"] == "document.failed")
    assert failed["reason"]
    assert way["waiting"] == {}
    assert way["mail_attempts"] == {"owner": 1, "sender": 1}
    assert {line["service"] for line in way["log"]} >= {"ingest"}


async def test_the_trace_id_leads_to_the_same_way_and_people_read_no_personal_data(
    visitor: Visitor, way: Any, sent: str
) -> None:
    (trace_id,) = way["traces"]
    done = await letterbox(visitor.stack, "trace", trace_id)
    assert done.status == 0
    assert f"Submission {sent}" in done.out
    assert all(event["type"] in done.out for event in way["events"])
    for personal in ("Ada", "Lovelace", "visitor.example", "walnut", "broken.pdf"):
        assert personal not in done.out


async def test_what_nobody_knows_is_said_to_be_unknown(visitor: Visitor) -> None:
    done = await letterbox(visitor.stack, "trace", "0" * 32)
    assert (done.status, done.out) == (1, "")
    assert "Nothing is known" in done.err


async def test_while_a_handler_fails_the_way_says_what_waits_and_what_went_wrong(visitor: Visitor) -> None:
    await as_superuser(visitor, "revoke insert on contact_submissions from storage")
    submission = (await visitor.send()).id
    storages_log = visitor.stack.home.logs / "storage.log"

    async def failure() -> bool:
        return "handler failed" in storages_log.read_text()

    await eventually(failure)
    way = await trace(visitor, submission)
    failed = [line for line in way["log"] if line["message"] == "handler failed"]
    assert {line["durable"] for line in failed} == {"storage-record"}
    assert [event["type"] for event in way["events"]] == ["submission.created"]
    assert way["waiting"]["storage-record"] >= 1
    await as_superuser(visitor, "grant insert on contact_submissions to storage")
    await visitor.ended(submission)
    assert (await trace(visitor, submission))["waiting"] == {}


async def test_a_dead_letter_is_found_by_its_trace(visitor: Visitor) -> None:
    nc = await nats.connect(
        visitor.stack.address("nats"), user="operator", password=visitor.stack.secret("nats-operator"),
        inbox_prefix=b"_INBOX_operator",
    )  # fmt: skip
    event, trace_id = SubmissionStored(submission_id="a" * 32, attachments=0), "1" * 32
    headers = headers_for(event, "forged", "test") | {"traceparent": f"00-{trace_id}-{'2' * 16}-01"}
    await nc.jetstream().publish(f"redrive.notifier-mail.{event.subject}", b"{}", headers=headers)
    await nc.close()
    bearer = {"Authorization": f"Bearer {visitor.stack.owner_key}"}

    async def buried() -> Any:
        return (await visitor.ask("GET", "/dead-letters", headers=bearer)).body["dead_letters"]

    await eventually(buried)
    way = await trace(visitor, trace_id)
    (letter,) = way["dead_letters"]
    assert (letter["durable"], letter["reason"]) == ("notifier-mail", "invalid event")
    assert way["submission"] == "a" * 32
    assert [step["again_for"] for step in way["events"]] == ["notifier-mail"]


async def test_logs_come_from_loki_and_spans_from_tempo_where_they_are_set(
    visitor: Visitor, way: Any, sent: str, collector: SpanCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = {"gateway", "ingest", "storage", "indexer", "notifier"}

    async def exported() -> bool:
        return services <= {span.service for span in collector.spans if span.trace_id in way["traces"]}

    await eventually(exported)
    async with LokiAndTempo(visitor.stack.home.logs, collector) as stand_in:
        monkeypatch.setenv("LETTERBOX_LOKI_URL", stand_in.url)
        monkeypatch.setenv("LETTERBOX_TEMPO_URL", stand_in.url)
        from_stand_ins = await trace(visitor, sent)
    assert {span["service"] for span in from_stand_ins["spans"]} == services
    (first,) = [span for span in from_stand_ins["spans"] if not span["parent"]]
    assert (first["service"], first["name"]) == ("gateway", "gateway")
    assert from_stand_ins["log"] == way["log"]
    monkeypatch.delenv("LETTERBOX_TEMPO_URL")
    monkeypatch.setenv("LETTERBOX_LOKI_URL", "http://127.0.0.1:1")
    away = await letterbox(visitor.stack, "trace", sent)
    assert (away.status, away.out) == (1, "")
    assert "loki" in away.err
