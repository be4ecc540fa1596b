"""An outside client under steady load, with a record of its own of everything that was answered with 202."""

import asyncio
import hashlib
import io
import random
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from secrets import token_hex

import aiohttp

from tests.support import files
from tests.support.visitor import File, Visitor, fresh_key

TRIES = 60
PAUSE_SECONDS = 1.0
TRY_AGAIN = (408, 502, 503, 504)
"""408: to an ingest that was frozen for half a minute the body came too slowly."""
REPEATED = 0.2
"""How many of the accepted are sent once more with their key."""


@dataclass(frozen=True)
class Kept:
    """What was answered with 202."""

    id: str
    word: str
    digests: dict[str, str]
    """Of each file, and each file inside one, by its number."""


@dataclass
class Client:
    """Sends, repeats what was not accepted with the same key, and writes down what was."""

    visitor: Visitor
    chance: random.Random
    kept: list[Kept] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    given_up: int = 0

    async def send_one(self) -> None:
        """One submission, tried until it is accepted; some are then sent again."""
        key, word = fresh_key(), f"w{token_hex(8)}"
        sent = self._files(word)
        submission = await self._accepted(key, word, sent)
        if submission is None:
            self.given_up += 1
            return
        self.kept.append(Kept(submission, word, _digests(sent)))
        if self.chance.random() < REPEATED:
            again = await self._accepted(key, word, sent)
            assert again in (submission, None), "the same key gave another id"

    def _files(self, word: str) -> list[File]:
        kind = self.chance.random()
        if kind < 0.4:
            return []
        if kind < 0.75:
            return [("note.txt", f"A note about {word}.".encode())]
        if kind < 0.8:
            return [("parcel.zip", files.archive(*_inside(word)))]
        return [("letter.pdf", files.pdf(f"A letter about {word}")), ("note.txt", word.encode())]

    async def _accepted(self, key: str, word: str, sent: list[File]) -> str | None:
        for _ in range(TRIES):
            try:
                answer = await self.visitor.send({"message": f"Chaos and {word}."}, sent, key=key)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                self.answers[type(error).__name__] += 1
            else:
                self.answers[str(answer.status)] += 1
                if answer.status == 202:
                    return answer.id
                assert answer.status in TRY_AGAIN, answer.text
            await asyncio.sleep(PAUSE_SECONDS * self.chance.uniform(0.5, 1.5))
        return None


def _inside(word: str) -> list[File]:
    """What is in the archive about `word`."""
    return [("inner.zip", files.archive(("innermost.txt", word.encode()))), ("note.txt", f"Also {word}.".encode())]


def _digests(sent: list[File]) -> dict[str, str]:
    numbered = {str(number): content for number, (_, content) in enumerate(sent, 1)}
    for name, content in sent:
        if name == "parcel.zip":
            with zipfile.ZipFile(io.BytesIO(content)) as parcel:
                inner, note = parcel.read("inner.zip"), parcel.read("note.txt")
            with zipfile.ZipFile(io.BytesIO(inner)) as archive:
                numbered |= {"1-1": inner, "1-1-1": archive.read("innermost.txt"), "1-2": note}
    return {number: hashlib.sha256(content).hexdigest() for number, content in numbered.items()}
