"""`letterbox synthetic`: what a visitor and the owner do, done every few minutes: send a file, find it, erase it.

The submission fills the form's trap for robots, so it is held: kept, read and found like any other, but nobody gets a
mail about it. It is gone again some seconds later.
"""

import argparse
import asyncio
import logging
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from prometheus_client import Counter, Gauge
from pydantic import Field, SecretStr

from libs.service.health import Health
from libs.service.lifecycle import run as serve
from libs.service.settings import ServiceSettings

log = logging.getLogger(__name__)

SUCCESS = Gauge("letterbox_synthetic_success", "1 when the last synthetic submission was found in time and erased.")
SECONDS = Gauge("letterbox_synthetic_seconds", "How long the last one took from being sent to being found.")
LAST = Gauge("letterbox_synthetic_last_success_timestamp_seconds", "When one was found in time and erased.")
RUNS = Counter("letterbox_synthetic_runs_total", "Synthetic submissions, by how they ended.", ["outcome"])

AGAIN_SECONDS = 60.0
"""Pause after a failure, when the pause between two is longer: an alert wants to know soon that all is well again."""
LOOK_SECONDS = 0.5
REQUEST_SECONDS = 15.0


class Settings(ServiceSettings):
    """Settings of the synthetic check, from the environment."""

    public_url: str = Field(description="The site to try, `https://…`, without a slash.")
    owner_key: SecretStr = Field(description="An owner's key, to search and to erase with; best one of its own.")
    synthetic_every_seconds: float = Field(default=300, gt=0, description="Pause between two submissions.")
    synthetic_budget_seconds: float = Field(
        default=60, gt=0, description="How long one may take from being sent to being found, and to being gone."
    )
    synthetic_connect_to: str = Field(
        default="", description="Host to connect to instead of the site's name (in compose: `caddy`)."
    )
    synthetic_verify: bool = Field(
        default=True, description="Whether the site's certificate has to be trusted; `localhost` has one of its own."
    )


class Failed(Exception):
    """The check failed; the text says at which step."""


class Check:
    """One submission after another at the site of `settings`."""

    def __init__(self, settings: Settings, http: aiohttp.ClientSession) -> None:
        self._settings = settings
        self._http = http
        self._owner = {"Authorization": f"Bearer {settings.owner_key.get_secret_value()}"}
        self._to_erase: list[str] = []

    async def run(self) -> None:
        """Check, pause, and again, until cancelled."""
        while True:
            well = await self.once()
            every = self._settings.synthetic_every_seconds
            await asyncio.sleep(every if well else min(every, AGAIN_SECONDS))

    async def once(self) -> bool:
        """One submission; whether it was found in time and erased. What an earlier one left is erased, too."""
        try:
            await self._through()
        except Failed as error:
            outcome = str(error)
            log.warning("the synthetic check failed", extra={"step": outcome})
        else:
            outcome = "found"
            LAST.set_to_current_time()
        SUCCESS.set(outcome == "found")
        RUNS.labels(outcome).inc()
        return outcome == "found"

    async def _through(self) -> None:
        word = "synthetic" + "".join(secrets.choice("bcdfghklmnprstvz") for _ in range(12))
        began = time.monotonic()
        async with _step("not accepted"):
            self._to_erase.append(await self._send(word))
        try:
            async with _step("not found"):
                await self._until(1, word)
            SECONDS.set(time.monotonic() - began)
        finally:
            async with _step("not erased"):
                await self._erase_all()
        async with _step("not gone"):
            await self._until(0, word)

    async def _send(self, word: str) -> str:
        form = aiohttp.FormData()
        for name, value in (
            ("name", "Synthetic check"),
            ("email", "synthetic@localhost.localdomain"),
            ("message", "This message is a check of Letterbox by itself; it is erased in a moment."),
            ("website", "synthetic"),
        ):
            form.add_field(name, value)
        form.add_field("files", f"The word is {word}.".encode(), filename="synthetic.txt", content_type="text/plain")
        headers = {"Accept": "application/json"}
        async with self._http.post(f"{self._settings.public_url}/contact", data=form, headers=headers) as response:
            if response.status != 202:
                raise Failed("not accepted")
            return str((await response.json())["id"])

    async def _until(self, wanted: int, word: str) -> None:
        """Wait until the search finds that many documents with the word, but not longer than the budget."""
        async with asyncio.timeout(self._settings.synthetic_budget_seconds):
            while await self._found(word) != wanted:  # noqa: ASYNC110 - the search tells nobody when it finds more
                await asyncio.sleep(LOOK_SECONDS)

    async def _found(self, word: str) -> int | None:
        url, question = f"{self._settings.public_url}/documents/search", {"query": word, "limit": 1}
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.post(url, json=question, headers=self._owner) as response:
                if response.status == 200:
                    answer: dict[str, Any] = await response.json()
                    return int(answer["total"])
        return None

    async def _erase_all(self) -> None:
        for submission_id in list(self._to_erase):
            url = f"{self._settings.public_url}/submissions/{submission_id}/erase"
            async with self._http.post(url, headers=self._owner) as response:
                if response.status >= 300 and response.status != 404:
                    raise Failed("not erased")
            self._to_erase.remove(submission_id)


@asynccontextmanager
async def _step(failure: str) -> AsyncIterator[None]:
    try:
        yield
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError) as error:
        raise Failed(failure) from error


class _Elsewhere(AbstractResolver):
    """Every name is at one host: the certificate and `Host` stay those of the site."""

    def __init__(self, host: str) -> None:
        self._host = host

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of the other host."""
        del family
        found = await asyncio.get_running_loop().getaddrinfo(self._host, port, family=socket.AF_INET, proto=6)
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=kind, proto=proto, flags=0)
            for kind, _, proto, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


@asynccontextmanager
async def checking(settings: Settings) -> AsyncIterator[Check]:
    """The check, with its connections."""
    connector = aiohttp.TCPConnector(
        ssl=settings.synthetic_verify and urlsplit(settings.public_url).hostname != "localhost",
        resolver=_Elsewhere(settings.synthetic_connect_to) if settings.synthetic_connect_to else None,
        force_close=True,
    )
    timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as http:
        yield Check(settings, http)


@asynccontextmanager
async def start(settings: Settings, _health: Health) -> AsyncIterator[None]:
    """The check as a service with metrics."""
    async with checking(settings) as check:
        task = asyncio.create_task(check.run())
        try:
            yield
        finally:
            task.cancel()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments: the settings say where."""
    parser.description = "Serves /metrics on LETTERBOX_OPS_PORT, and checks until it is stopped. docs/settings.md."


def run(_arguments: argparse.Namespace) -> int:
    """Check until a signal comes."""
    serve("synthetic", Settings, start)
    return 0
