"""The configurations of Loki, Alloy and Tempo, which are not on this machine: as far as they can be checked without."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from letterbox.local.home import REPOSITORY
from tests.support.alloy import Block, Wrong, parse, references

DEPLOY = REPOSITORY / "deploy"
ALLOY = (DEPLOY / "alloy/config.alloy").read_text()
EXPORTS = {
    "discovery.docker": {"targets"},
    "discovery.relabel": {"output", "rules"},
    "loki.process": {"receiver"},
    "loki.write": {"receiver"},
}
"""What each kind of component gives to others (reference of Alloy 1.18)."""
ARGUMENTS = {
    "logging": {"level", "format"},
    "discovery.docker": {"host", "refresh_interval"},
    "filter": {"name", "values"},
    "discovery.relabel": {"targets"},
    "rule": {"source_labels", "target_label"},
    "loki.source.docker": {"host", "targets", "relabel_rules", "forward_to", "refresh_interval"},
    "loki.process": {"forward_to"},
    "stage.json": {"expressions"},
    "stage.match": {"selector"},
    "stage.timestamp": {"source", "format", "action_on_failure"},
    "stage.labels": {"values"},
    "stage.structured_metadata": {"values"},
    "stage.label_keep": {"values"},
    "loki.write": set(),
    "endpoint": {"url"},
}
LABELS = ["service", "level", "stream"]


def every(blocks: list[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        yield from every(block.blocks)


def named(name: str) -> list[Block]:
    return [block for block in every(parse(ALLOY)) if block.name == name]


def test_alloys_configuration_uses_only_known_components_and_arguments() -> None:
    for block in every(parse(ALLOY)):
        assert block.name in ARGUMENTS
        assert set(block.attributes) <= ARGUMENTS[block.name], block.name


def test_each_component_that_alloy_refers_to_is_there_and_exports_what_is_asked_for() -> None:
    blocks = parse(ALLOY)
    exported = {f"{one.name}.{one.label}.{what}" for one in blocks for what in EXPORTS.get(one.name, ())}
    used = [name for block in every(blocks) for value in block.attributes.values() for name in references(value)]
    assert used
    assert set(used) <= exported


@pytest.mark.parametrize(
    "broken",
    [
        'a "b" { c = }',
        'a "b" {',
        "a = 1",
        'a { b = "c }',
        "a { b = [1 2] }",
        "a { b = 1 b = 2 }",
        "a { } }",
        'a { b = "c" + }',
        'a { b = env("C") }',
        "a { b =",
    ],
)
def test_the_check_of_alloys_syntax_finds_what_is_wrong(broken: str) -> None:
    with pytest.raises(Wrong):
        parse(broken)


def test_logs_have_few_labels_and_trace_ids_are_none() -> None:
    (labels,), (metadata,), (kept,) = (
        named(f"stage.{name}") for name in ("labels", "structured_metadata", "label_keep")
    )
    assert kept.attributes["values"] == LABELS
    assert set(labels.attributes["values"]) < set(LABELS)  # type: ignore[call-overload]
    assert set(metadata.attributes["values"]) == {"trace_id", "span_id"}  # type: ignore[call-overload]
    assert document("loki/loki.yml")["limits_config"]["allow_structured_metadata"] is True


def document(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text())


def hours(text: str) -> int:
    found = re.fullmatch(r"(\d+)h", text)
    assert found, text
    return int(found[1])


def test_loki_forgets_and_keeps_the_audit_log_longer() -> None:
    loki = document("loki/loki.yml")
    limits = loki["limits_config"]
    assert loki["compactor"]["retention_enabled"] is True
    assert loki["compactor"]["delete_request_store"] == "filesystem"  # without it Loki refuses to start
    (audit,) = limits["retention_stream"]
    assert audit["selector"] == '{stream="audit"}'
    assert hours(audit["period"]) > hours(limits["retention_period"]) > 0
    assert hours(limits["max_query_length"]) >= hours(audit["period"])
    (schema,) = loki["schema_config"]["configs"]
    assert (schema["store"], schema["schema"]) == ("tsdb", "v13")  # structured metadata needs them


def test_tempo_takes_otlp_from_others_and_has_no_block_of_older_versions() -> None:
    tempo = document("tempo/tempo.yml")
    protocols = tempo["distributor"]["receivers"]["otlp"]["protocols"]
    assert {name: one["endpoint"] for name, one in protocols.items()} == {
        "grpc": "0.0.0.0:4317",
        "http": "0.0.0.0:4318",
    }
    assert not {"ingester", "compactor", "ingester_client", "metrics_generator_client"} & set(tempo)
    assert tempo["usage_report"]["reporting_enabled"] is False


def test_everything_is_where_grafana_looks_for_it() -> None:
    sources = document("grafana/provisioning/datasources/letterbox.yml")["datasources"]
    ports = {"loki": document("loki/loki.yml")["server"]["http_listen_port"],
             "tempo": document("tempo/tempo.yml")["server"]["http_listen_port"]}  # fmt: skip
    for source in sources:
        if source["uid"] in ports:
            assert source["url"] == f"http://{source['uid']}:{ports[source['uid']]}"
    (endpoint,) = named("endpoint")
    assert endpoint.attributes["url"] == f"http://loki:{ports['loki']}/loki/api/v1/push"


def test_what_is_sent_home_is_switched_off() -> None:
    assert document("loki/loki.yml")["analytics"]["reporting_enabled"] is False
    assert Path(DEPLOY / "tempo/tempo.yml").read_text().count("reporting_enabled: false") == 1
