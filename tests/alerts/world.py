"""A stack as an operator runs it (`letterbox up` with monitoring), visitors who write, and who is told of alerts."""

import asyncio
import json
import os
import shutil
import signal
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from letterbox.local.home import REPOSITORY, Home
from letterbox.local.state import KnownPart, read_state
from letterbox.monitoring.alerts import Table, table
from tests.alerts.certificate import certified, serving_tls
from tests.alerts.receiver import Receiver, receiving
from tests.support.ports import free_port
from tests.support.visitor import good

COMMAND_SECONDS = 150
BIN = Path(sys.executable).parent


@dataclass
class World:
    """Everything a drill needs; time runs `times` as fast as in production."""

    home: Home
    port: int
    times: float
    receiver: Receiver
    http: aiohttp.ClientSession
    certificate: ssl.SSLContext
    environment: Mapping[str, str]
    known: Table = field(default_factory=table)
    answers: list[int] = field(default_factory=list)
    """What the steady visitors were answered, 0 for no answer."""

    @property
    def gateway(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def part(self, name: str) -> KnownPart:
        state = read_state(self.home)
        assert state is not None
        return state.parts[name]

    def secret(self, name: str) -> str:
        return self.home.secret(name).read_text(encoding="utf-8")

    @property
    def owner(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.home.owner_key().read_text(encoding='utf-8').strip()}"}

    async def types(self, text: str, **variables: str) -> str:
        """What a person does with commands of a runbook: all of them, in a shell. Raises when the last one fails."""
        environment = {**self.environment, **variables}
        shell = await asyncio.create_subprocess_exec(
            "bash", "-euo", "pipefail", "-c", text, env=environment, cwd=REPOSITORY,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                out, _ = await shell.communicate()
        finally:
            if shell.returncode is None:
                os.killpg(shell.pid, signal.SIGKILL)
        assert shell.returncode == 0, f"{text}\n{out.decode()}"
        return out.decode()

    async def send(self, files: Sequence[tuple[str, bytes]] = ()) -> int:
        """Send the form; the answer's status, 0 when there is none."""
        form = aiohttp.FormData(good())
        for name, content in files:
            form.add_field("files", content, filename=name, content_type="application/octet-stream")
        return await self.asked("POST", f"{self.gateway}/contact", data=form)

    async def asked(self, method: str, url: str, **more: Any) -> int:
        """One request; its answer's status, 0 when there is none."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self.http.request(method, url, allow_redirects=False, **more) as response:
                await response.read()
                return response.status
        return 0

    async def visitors(self) -> None:
        """Steady load until cancelled: a submission and a search each second."""
        while True:
            self.answers.append(await self.send())
            question = {"query": "morning"}
            self.answers.append(
                await self.asked("POST", f"{self.gateway}/documents/search", json=question, headers=self.owner)
            )
            await asyncio.sleep(1)

    async def prometheus(self, path: str) -> Any:
        async with self.http.get(f"{self.part('prometheus').address}/api/v1/{path}") as response:
            return (await response.json())["data"]

    async def alertmanager(self, path: str) -> Any:
        async with self.http.get(f"{self.part('alertmanager').address}/api/v2/{path}") as response:
            return await response.json()


@asynccontextmanager
async def world(times: float) -> AsyncIterator[World]:
    """`letterbox up` in a folder of its own; nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="letterbox-alerts-"))
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        receiver = await stack.enter_async_context(receiving())
        context = certified(folder, days=90)
        tls = await stack.enter_async_context(serving_tls(context))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=0), timeout=aiohttp.ClientTimeout(total=15)
            )
        )
        home, port = Home(folder / "home"), free_port()
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith("LETTERBOX_") or name == "LETTERBOX_PORTS"
            },
            "PATH": f"{BIN}:{os.environ['PATH']}:/usr/sbin:/sbin",
            "LETTERBOX_HOME": str(home.path),
            "LETTERBOX_PORT": str(port),
            "LETTERBOX_MONITORING_TIMES": str(times),
            "LETTERBOX_MONITORING_TLS": f"127.0.0.1:{tls}",
            "LETTERBOX_ALERT_WEBHOOK_URL": receiver.url,
            "LETTERBOX_ALERT_WATCHDOG_URL": receiver.url,
            "LETTERBOX_RATE_PER_ADDRESS": "200/minute",
            "LETTERBOX_LEDGER_EVERY_SECONDS": f"{30 / times:g}",
        }
        made = World(home, port, times, receiver, http, context, environment)
        stack.push_async_callback(_down, made)
        await made.types("make up MONITORING=1\nletterbox status")  # as docs/howto/monitoring.md has it
        yield made


async def _down(made: World) -> None:
    state = read_state(made.home)
    for part in state.parts.values() if state else ():
        part.identity.send(signal.SIGCONT)
    await made.types("letterbox down")


def firing(alerts: Any) -> set[str]:
    """The names of the alerts that fire, of what Prometheus answers."""
    return {alert["labels"]["alertname"] for alert in alerts["alerts"] if alert["state"] == "firing"}


def dumped(value: object) -> str:
    return json.dumps(value, indent=2, default=str)
