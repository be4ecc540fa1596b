"""Who is told of what: the generated configuration, checked by amtool and delivered by the real Alertmanager."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope

from letterbox.monitoring import alerts, yaml
from letterbox.monitoring.receivers import Settings, configuration
from tests.alerts.world import free_port

KNOWN = alerts.table()
RUNBOOKS = "https://code.example/letterbox/"
PATIENCE_SECONDS = 60


def settings(folder: Path, url: str = "http://127.0.0.1:9/", smarthost: str = "127.0.0.1:9") -> Settings:
    """Every receiver there is, each secret in its file."""
    for name, secret in (("slack", f"{url}slack"), ("pagerduty", "routing-key")):
        (folder / name).write_text(secret)
    return Settings(
        alert_mail_to="on-call@letterbox.example",
        alert_smarthost=smarthost,
        alert_slack_url_file=str(folder / "slack"),
        alert_pagerduty_key_file=str(folder / "pagerduty"),
        alert_webhook_url=f"{url}webhook",
        alert_watchdog_url=f"{url}watchdog",
        runbooks_url=RUNBOOKS,
    )


def amtool(*arguments: str) -> str:
    done = subprocess.run(["amtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def written(folder: Path, chosen: dict[str, Any]) -> str:
    file = folder / "alertmanager.yml"
    file.write_text(yaml.document(chosen, "A test's."))
    return str(file)


def test_amtool_accepts_all_receivers_and_none(tmp_path: Path) -> None:
    for chosen in (settings(tmp_path), Settings()):
        amtool("check-config", written(tmp_path, configuration(KNOWN, chosen)))


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (["alertname=NatsDown", "severity=page"], "page"),
        (["alertname=DiskFilling", "severity=ticket"], "ticket"),
        (["alertname=Watchdog", "severity=none"], "watchdog"),
        (["alertname=Other"], "nobody"),
    ],
)
def test_the_severity_decides_who_is_told(tmp_path: Path, labels: list[str], receiver: str) -> None:
    file = written(tmp_path, configuration(KNOWN, settings(tmp_path)))
    assert amtool("config", "routes", "test", f"--config.file={file}", *labels) == receiver


def test_a_receiver_without_its_secret_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    chosen = Settings(
        alert_webhook_url="http://127.0.0.1:9/",
        alert_slack_url_file=str(tmp_path / "missing"),
        alert_pagerduty_key_file=str(tmp_path / "empty"),
    )
    made = {receiver["name"]: set(receiver) - {"name"} for receiver in configuration(KNOWN, chosen)["receivers"]}
    assert made == {"nobody": set(), "watchdog": set(), "page": {"webhook_configs"}, "ticket": {"webhook_configs"}}


def test_secrets_stay_in_their_files(tmp_path: Path) -> None:
    (tmp_path / "smtp").write_text("smtp-password")
    chosen = settings(tmp_path).model_copy(
        update={"alert_smtp_user": "letterbox", "alert_smtp_password_file": str(tmp_path / "smtp")}
    )
    text = Path(written(tmp_path, configuration(KNOWN, chosen))).read_text()
    amtool("check-config", str(tmp_path / "alertmanager.yml"))
    assert "smtp_auth_password_file" in text
    assert not any(secret in text for secret in ("smtp-password", "routing-key", "http://127.0.0.1:9/slack"))


@dataclass
class Outside:
    """Slack, PagerDuty, a webhook, a dead man's switch and a mail server, as far as Alertmanager can tell."""

    got: list[tuple[str, str]] = field(default_factory=list)
    """Way and content, in order."""
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def keep(self, way: str, content: str) -> None:
        async with self.news:
            self.got.append((way, content))
            self.news.notify_all()

    async def posted(self, request: web.Request) -> web.Response:
        await self.keep(request.path.strip("/"), await request.text())
        return web.json_response({"status": "success"}, status=202 if request.path == "/pagerduty" else 200)

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        await self.keep("mail", content.decode())
        return "250 kept"

    async def ways(self, wanted: set[str], *words: str) -> set[str]:
        """The ways on which something with all of `words` came, once `wanted` are among them."""
        async with asyncio.timeout(PATIENCE_SECONDS), self.news:
            while True:
                ways = {way for way, content in self.got if all(word in content for word in words)}
                if wanted <= ways:
                    return ways
                await self.news.wait()


@dataclass(frozen=True)
class Running:
    address: str
    outside: Outside
    http: aiohttp.ClientSession

    async def post(self, name: str, severity: str, *, over: bool = False) -> None:
        """Tell Alertmanager what Prometheus would."""
        alert: dict[str, Any] = {"labels": {"alertname": name, "severity": severity}}
        alert["annotations"] = {"summary": f"{name} it is", "runbook_url": KNOWN.alert(name).runbook}
        alert |= {
            "startsAt": "2026-01-01T00:00:00Z",
            "endsAt": "2026-01-01T00:01:00Z" if over else "2999-01-01T00:00:00Z",
        }
        async with self.http.post(f"{self.address}/api/v2/alerts", json=[alert]) as answer:
            assert answer.status == 200, await answer.text()


@pytest.fixture(scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """The real Alertmanager, thirty times as fast, and everybody it tells."""
    folder, outside = tmp_path_factory.mktemp("alertmanager"), Outside()
    app = web.Application()
    app.router.add_post("/{way}", outside.posted)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(lambda: SMTP(outside, loop=loop), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    chosen = configuration(KNOWN, settings(folder, url, f"127.0.0.1:{smtp.sockets[0].getsockname()[1]}"), 30)
    chosen["global"]["pagerduty_url"] = f"{url}pagerduty"
    port = free_port()
    program = await asyncio.create_subprocess_exec(
        "prometheus-alertmanager", f"--config.file={written(folder, chosen)}", f"--storage.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with aiohttp.ClientSession() as http:
        address = f"http://127.0.0.1:{port}"
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not await ready(http, address):
                await asyncio.sleep(0.1)
        yield Running(address, outside, http)
    program.terminate()
    await program.wait()
    smtp.close()
    await runner.cleanup()


async def ready(http: aiohttp.ClientSession, address: str) -> bool:
    try:
        async with http.get(f"{address}/-/ready") as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_a_page_goes_out_on_every_way_with_its_runbook_and_again_when_it_is_over(running: Running) -> None:
    await running.post("PostgresDown", "page")
    everybody = {"mail", "slack", "pagerduty", "webhook"}
    assert await running.outside.ways(everybody, "PostgresDown", "runbooks/PostgresDown.md") == everybody
    for way, content in running.outside.got:
        if way in ("mail", "slack", "pagerduty"):
            assert f"{RUNBOOKS}docs/runbooks/PostgresDown.md" in content.replace("=\r\n", "")
    await running.post("PostgresDown", "page", over=True)
    await running.outside.ways(everybody - {"pagerduty"}, "PostgresDown", "resolved")
    await running.outside.ways({"pagerduty"}, '"event_action":"resolve"')


async def test_a_ticket_wakes_nobody(running: Running) -> None:
    await running.post("DiskFilling", "ticket")
    ways = await running.outside.ways({"mail", "slack", "webhook"}, "DiskFilling")
    await running.post("DrillTooOld", "ticket")
    await running.outside.ways({"mail", "slack", "webhook"}, "DrillTooOld")
    assert "pagerduty" not in ways | {
        way for way, content in running.outside.got if "Too" in content or "Disk" in content
    }


async def test_what_follows_from_a_dead_nats_is_not_told(running: Running) -> None:
    await running.post("NatsDown", "page")
    await running.outside.ways({"webhook"}, "NatsDown")
    await running.post("OldestWaiting", "page")
    await running.post("MailsRefused", "page")  # no consequence of it: told, so the other would have been, too
    await running.outside.ways({"webhook"}, "MailsRefused")
    async with running.http.get(f"{running.address}/api/v2/alerts") as answer:
        states = {alert["labels"]["alertname"]: alert["status"]["state"] for alert in json.loads(await answer.text())}
    assert states["OldestWaiting"] == "suppressed"
    assert not any("OldestWaiting" in content for _, content in running.outside.got)


async def test_the_dead_mans_switch_hears_the_watchdog_and_nobody_else_does(running: Running) -> None:
    await running.post("Watchdog", "none")
    assert await running.outside.ways({"watchdog"}, "Watchdog") == {"watchdog"}
