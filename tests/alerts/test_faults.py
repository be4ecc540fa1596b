"""Real Prometheus and Alertmanager beside a real stack: what is broken is told, and mended by its runbook.

Types the commands of the pages in docs/runbooks/; what docs/flows/monitoring-and-alerting.md shows of an alert.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.alerts.drill import drill
from tests.alerts.faults import ROUNDS, Fault
from tests.alerts.quiet import SETTINGS, settled, told_while_quiet
from tests.alerts.runbook import blocks, commands
from tests.alerts.world import World, dumped, world

LOOKED_UP = {
    "JOB": "indexer",
    "DEPENDENCY": "antivirus",
    "DURABLE": "indexer-extract",
    "INSTANCE": "",
    "PART": "node-exporter",
}


@pytest.fixture(scope="module")
async def running() -> AsyncIterator[World]:
    """The stack, with visitors who write and search all the time."""
    async with world(SETTINGS["times"]) as made:
        visitors = asyncio.create_task(made.visitors())
        yield made
        visitors.cancel()
        with suppress(asyncio.CancelledError):
            await visitors


async def test_all_targets_are_up_and_a_quiet_time_of_steady_load_raises_no_alert(running: World) -> None:
    targets = await settled(running)
    assert {target["labels"]["job"] for target in targets} >= {
        "ingest", "storage", "indexer", "notifier", "search", "gateway", "object-store", "postgres", "node",
        "prometheus", "alertmanager", "synthetic", "nats-answers", "postgres-answers", "object-store-answers",
        "form-page", "search-page", "certificate",
    }  # fmt: skip
    answered = len(running.answers)
    assert await told_while_quiet(running) == set(), dumped(running.receiver.told)
    assert "Watchdog" in {one.name for one in running.receiver.told}
    assert set(running.answers[answered:]) == {202, 200}
    assert all(target["health"] == "up" for target in (await running.prometheus("targets"))["activeTargets"])


async def test_the_synthetic_submission_was_found_and_erased_and_nobody_got_a_mail(running: World) -> None:
    found = await running.prometheus('query?query=letterbox_synthetic_runs_total{outcome="found"}')
    assert float(found["result"][0]["value"][1]) >= 1
    asked = "select count(*) filter (where final_at is not null) from erasures"
    kept = "select count(*) from contact_submissions where name = 'Synthetic check'"
    erased, left = [
        int((await running.types(f'letterbox psql -c "{question}"')).splitlines()[2]) for question in (asked, kept)
    ]
    assert erased >= 1
    assert left <= 1  # the one that is on its way
    mails = [file.read_text(errors="replace") for file in (running.home.path / "mail").glob("*.eml")]
    assert mails
    assert not any("Synthetic check" in mail or "synthetic@localhost" in mail for mail in mails)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("faults", ROUNDS, ids=lambda group: "-".join(fault.alert for fault in group))
async def test_a_fault_is_told_and_ends_by_the_commands_of_its_runbook(
    running: World, faults: tuple[Fault, ...]
) -> None:
    async with asyncio.TaskGroup() as group:
        drills = [group.create_task(drill(running, fault)) for fault in faults]
    for done in drills:
        told = done.result().told
        alert = running.known.alert(told.name)
        assert told.annotations["runbook_url"] == alert.runbook
        assert (told.labels["severity"], told.receiver) == (alert.severity, alert.severity)


@pytest.mark.timeout(900)  # more than a hundred commands
async def test_the_commands_of_every_page_can_be_typed(running: World) -> None:
    """Of docs/runbooks/, of the playbook, and of docs/howto/monitoring.md."""
    stopping = next(block for block in blocks("docs/howto/monitoring.md") if "letterbox stop" in block)
    for block in (stopping, *blocks("docs/incident-playbook.md")):
        await running.types(block)
    broken = {fault.alert for group in ROUNDS for fault in group}
    for alert in running.known.alerts:
        if alert.name in broken:  # typed when it is broken
            continue
        variables = {**LOOKED_UP, "MOUNTPOINT": str(running.home.path)}
        await running.types(commands(alert.name, "Look"), **variables)
        await running.types(commands(alert.name, "Fix"), **variables)
