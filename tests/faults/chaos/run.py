"""One run of chaos: load, kills, calm, account."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from dataclasses import dataclass

from letterbox.local.stack import LocalStack
from tests.faults.chaos.account import Account, account
from tests.faults.chaos.client import Client
from tests.support.command import letterbox
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, visiting

PARTS = ("ingest", "storage", "indexer", "notifier", "search", "nats", "postgres", "object-store", "mail")
FREEZE_SECONDS = 6.0
LONG_FREEZE_SECONDS = 30.0
"""In a soak."""
PACE_SECONDS = 0.6
INSIDE = {"LETTERBOX_FAILPOINT": "after-effect:0.004,before-ack:0.004"}


@dataclass
class Outcome:
    """What a run did and found."""

    seed: int
    submissions: int
    kills: Counter[str]
    answers: Counter[str]
    given_up: int
    account: Account
    dead_letters: int

    def report(self) -> str:
        """The run as a page in Markdown."""
        kills = ", ".join(f"{part} {count}" for part, count in sorted(self.kills.items()))
        answers = ", ".join(f"{count} x {name}" for name, count in sorted(self.answers.items()))
        wrong = "\n".join(f"- {line}" for line in self.account.wrong) or "Nothing."
        return (
            f"# Chaos, seed {self.seed}\n\n{self.submissions} submissions accepted, {sum(self.kills.values())} kills "
            f"({kills}).\n\nAnswers: {answers}. Given up: {self.given_up}. Dead letters: {self.dead_letters}. "
            f"Mails of unknown outcome, flagged: {self.account.uncertain}.\n\n## Lost or doubled\n\n{wrong}\n"
        )


async def chaos(*, seed: int, submissions: int, kills: int, minutes: float = 0) -> Outcome:
    """Send at least `submissions` and kill at least `kills` parts (or for `minutes`), then account for everything."""
    chance = random.Random(seed)
    services = dict.fromkeys(("storage", "indexer", "notifier"), INSIDE)
    async with (
        isolated_stack(environment={"ingest": RATES_OFF, **services}, supervised=True) as stack,
        visiting(stack) as visitor,
    ):
        watching = asyncio.create_task(stack.supervise())
        client, done = Client(visitor, chance), Counter[str]()
        stop = asyncio.Event()
        sending = [asyncio.create_task(_send(client, submissions, stop)) for _ in range(8)]
        await _kill(stack, chance, kills, minutes, done)
        stop.set()
        await asyncio.gather(*sending)
        result = await account(visitor, client.kept)
        letters = await _dead_letters(stack)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return Outcome(seed, len(client.kept), done, client.answers, client.given_up, result, letters)


async def _send(client: Client, least: int, stop: asyncio.Event) -> None:
    while not stop.is_set() or len(client.kept) < least:
        await client.send_one()
        await asyncio.sleep(PACE_SECONDS)


async def _kill(stack: LocalStack, chance: random.Random, kills: int, minutes: float, done: Counter[str]) -> None:
    until = time.monotonic() + minutes * 60
    while sum(done.values()) < kills or time.monotonic() < until:
        order = list(PARTS)
        chance.shuffle(order)
        for part in order:
            await asyncio.sleep(chance.uniform(1.0, 2.5))
            await stack.kill(part)
            done[part] += 1
        frozen = chance.choice(PARTS)
        with contextlib.suppress(ProcessLookupError):
            stack.pause(frozen)
            await asyncio.sleep(LONG_FREEZE_SECONDS if minutes else FREEZE_SECONDS)
            stack.resume(frozen)


async def _dead_letters(stack: LocalStack) -> int:
    return len((await letterbox(stack, "dead-letters", "list", "--json")).json)
