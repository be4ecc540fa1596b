"""The first flow through the production stack, and what it does when containers die."""

import asyncio
from pathlib import Path

import pytest

from tests.compose.project import OF_PROFILES, Project, service_of
from tests.compose.visitor import Visitor
from tests.support.files import pdf

pytestmark = pytest.mark.timeout(900)

CUT_SECONDS = 5


async def test_a_form_with_a_pdf_is_kept_told_of_and_found_by_a_misspelt_word(visitor: Visitor) -> None:
    file = ("lantern.pdf", pdf("The restoration of the lighthouse."))
    submission = await visitor.send("Please see the file.", [file])
    journey = await visitor.ended(submission)
    assert journey["status"] == "done"
    hits = await visitor.found("lighthuose restoration")
    assert [hit["filename"] for hit in hits if hit["contact_id"] == submission] == ["lantern.pdf"]
    told = {mail["to"] for mail in await visitor.mails()}
    assert {"owner@letterbox.example", "ada@visitor.example"} <= told


def test_from_outside_80_and_443_are_found_and_nothing_else_whatever_profiles_are_on(stack: Project) -> None:
    """But for the catch-all of the profile `dev`, on this machine's own address."""
    assert set(stack.profiles) == {"dev", *OF_PROFILES}
    published = {
        (service_of(container), port, address["HostIp"] if service_of(container) == "mail" else "")
        for container in stack.containers()
        for port, addresses in (container["HostConfig"]["PortBindings"] or {}).items()
        for address in addresses
    }
    gateway = {("caddy", port, "") for port in ("80/tcp", "443/tcp", "443/udp")}
    assert published == gateway | {("mail", "8025/tcp", "127.0.0.1")}


@pytest.mark.parametrize("victim", ["ingest", "nats", "indexer", "postgres", "object-store", "caddy"])
async def test_a_killed_container_comes_back_and_what_was_sent_is_done(victim: str, visitor: Visitor) -> None:
    before = await visitor.send(f"Before {victim} dies.", [("note.pdf", pdf(f"The {victim} was killed."))])
    visitor.stack.kill(victim)
    visitor.stack.healthy()
    assert (await visitor.ended(before))["status"] == "done"
    after = await visitor.send(f"After {victim} came back.")
    assert (await visitor.ended(after))["status"] == "done"


@pytest.mark.parametrize("cut", ["storage", "indexer", "notifier"])
async def test_a_service_whose_network_is_cut_catches_up(cut: str, visitor: Visitor) -> None:
    stack = visitor.stack
    container = stack.container(cut)
    network = next(name for name in container["NetworkSettings"]["Networks"] if name.endswith("_data"))
    stack.docker("network", "disconnect", network, container["Id"])
    try:
        sent = [await visitor.send(f"Without {cut}.", [("cut.pdf", pdf(f"The {cut} is cut off."))]) for _ in range(3)]
        await asyncio.sleep(CUT_SECONDS)
        assert {(await visitor.journey(one))["status"] for one in sent} <= {"accepted", "processing"}
    finally:
        stack.docker("network", "connect", "--alias", cut, network, container["Id"])
    stack.healthy()
    assert {(await visitor.ended(one))["status"] for one in sent} == {"done"}


async def test_the_project_restarts_with_all_that_it_kept(visitor: Visitor) -> None:
    before = await visitor.send("Before the restart.", [("kept.pdf", pdf("A periwinkle survives."))])
    assert (await visitor.ended(before))["status"] == "done"
    visitor.stack.compose("restart", "--timeout", "60")
    visitor.stack.healthy()
    assert (await visitor.journey(before))["status"] == "done"
    assert before in {hit["contact_id"] for hit in await visitor.found("periwinkel")}


def test_nothing_of_a_secret_is_in_a_containers_environment_or_command(stack: Project) -> None:
    words = [file.read_text().strip() for file in Path(stack.home / "secrets").iterdir() if file.is_file()]
    secret = [word for word in words if len(word) > 30 and "\n" not in word]
    assert len(secret) > 20
    for container in stack.containers():
        seen = str(container["Config"]) + str(container["Args"])
        assert not [word for word in secret if word in seen], container["Name"]
