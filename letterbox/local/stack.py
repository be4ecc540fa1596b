"""A stack: its parts as child processes, started in order, each healthy before what needs it.

The same code is behind `letterbox up`, the tests and the benchmarks. Supervised, a part that dies is started again.
"""

import asyncio
import json
import os
import signal
import subprocess
import time
from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from types import TracebackType

from pydantic import SecretStr

from letterbox.local import antivirus, gateway, mail, monitoring, nats, objects, postgres, services
from letterbox.local.failure import CannotStart
from letterbox.local.health import is_healthy
from letterbox.local.home import REPOSITORY, Home, is_free
from letterbox.local.names import ALL, SERVERS, SERVICES
from letterbox.local.part import Part
from letterbox.local.process import Identity
from letterbox.local.state import STATE
from letterbox.preparation import ROLES, prepare_bucket, prepare_roles
from libs.service.settings import ObjectSettings

HEALTHY_SECONDS = 90.0
LONGEST_RESTART_PAUSE = 10.0
STABLE_SECONDS = 60.0
LOG_LINES = 15


@dataclass(slots=True)
class Running:
    """A part that was started."""

    part: Part
    process: subprocess.Popen[bytes] | None = None
    identity: Identity | None = None
    restarts: int = 0
    since: float = 0.0
    wanted: bool = True


@dataclass
class LocalStack:
    """The parts `names` of a stack in `home`; an async context manager that leaves no process behind."""

    home: Home
    names: Collection[str] = ALL
    port: int = 0
    """The gateway's; 0 takes a free one."""
    environment: dict[str, dict[str, str]] = field(default_factory=dict)
    """More environment for a part, by its name; under `*` for every service."""
    supervised: bool = False
    bucket: str = field(default_factory=lambda: os.environ.get("LETTERBOX_BUCKET", "pretamane-data"))
    running: dict[str, Running] = field(default_factory=dict)
    _watched: bool = False

    def __post_init__(self) -> None:
        """The virus scanner is a part only of a stack that has signatures for it, and files to read."""
        asked = self.environment.get(antivirus.NAME, os.environ)
        self._signatures = asked.get(antivirus.SIGNATURES, "")
        if self._signatures and "indexer" in self.names:
            self.names = (antivirus.NAME, *self.names)
        self._monitoring = monitoring.Monitoring.asked_for(self.environment.get(monitoring.NAME, os.environ))
        if self._monitoring is not None and set(ALL) <= set(self.names):
            self.names = (*self.names, *monitoring.PARTS)

    async def __aenter__(self) -> "LocalStack":
        try:
            await self.start_all()
        except BaseException:
            await self.stop_all()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop_all()

    async def start_all(self) -> None:
        """Start every part and wait until it is healthy. Raises CannotStart."""
        self.home.prepare()
        for name in self.home.stopped():
            self.home.unmark_stopped(name)
        self._choose_ports()
        servers = [name for name in SERVERS if name in self.names]
        for name in servers:
            self._launch(self._part(name))
        await asyncio.gather(*(self.healthy(name) for name in servers))
        await self._prepare()
        if "search" in self.names:
            self.home.owner_key()
        services_first = [name for name in ALL if name not in SERVERS]
        for group in (services_first, monitoring.PARTS):  # what watches would see the rest come up, and say so
            others = [name for name in group if name in self.names]
            for name in others:
                self._launch(self._part(name))
            await asyncio.gather(*(self.healthy(name) for name in others))

    async def stop_all(self) -> None:
        """Stop every part: the gateway and the services first, so that they can drain, then the servers."""
        for group in ([name for name in self.running if name not in SERVERS], list(self.running)):
            await asyncio.gather(*(self.stop(name) for name in group))
        (self.home.path / STATE).unlink(missing_ok=True)

    async def start(self, name: str, *, wait: bool = True) -> None:
        """Start a part that was stopped, and wait until it is healthy, unless told not to."""
        self._launch(self._part(name))
        if wait:
            await self.healthy(name)

    async def stop(self, name: str) -> None:
        """Stop a part as an operator would; it may finish what it began."""
        running = self.running[name]
        running.wanted = False
        if running.identity is not None:
            await asyncio.to_thread(running.identity.end, running.part.stop, running.part.seconds_to_stop)
        await self._reaped(running)

    async def kill(self, name: str) -> None:
        """End a part's process at once (SIGKILL); only a supervised stack starts it again."""
        running = self.running[name]
        if running.identity is not None:
            running.identity.send(signal.SIGKILL)
        if not self.supervised:
            running.wanted = False
            await self._reaped(running)

    def pause(self, name: str) -> None:
        """Freeze a part (SIGSTOP)."""
        self._send(name, signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a frozen part go on."""
        self._send(name, signal.SIGCONT)

    async def healthy(self, name: str) -> None:
        """Wait until a part is healthy. Raises CannotStart with the end of its log when it does not get there."""
        running, until = self.running[name], time.monotonic() + HEALTHY_SECONDS
        while time.monotonic() < until:
            if running.process is not None and running.process.poll() is not None and not self._watched:
                raise CannotStart(
                    f"{name} ended with status {running.process.returncode}.\n{self.last_log_lines(name)}"
                )
            if await is_healthy(running.part.health, self.password("postgres")):
                return
            await asyncio.sleep(0.1)
        raise CannotStart(f"{name} is not healthy after {HEALTHY_SECONDS:.0f} s.\n{self.last_log_lines(name)}")

    async def supervise(self) -> None:
        """Start again what dies, after a pause that grows while it keeps dying; until cancelled."""
        self._watched = True
        while True:
            stopped = self.home.stopped()
            for name, running in self.running.items():
                if name in stopped or not running.wanted or running.process is None or running.process.poll() is None:
                    continue
                if time.monotonic() - running.since > STABLE_SECONDS:
                    running.restarts = 0
                pause = min(0.2 * 2**running.restarts, LONGEST_RESTART_PAUSE)
                if time.monotonic() - running.since >= pause:
                    restarts = running.restarts + 1
                    self._launch(self._part(name))
                    self.running[name].restarts = restarts
            await asyncio.sleep(0.1)

    def password(self, role: str) -> str:
        """A PostgreSQL role's password."""
        file = self.home.path / "secrets" / f"postgres-{role}"
        return file.read_text(encoding="utf-8") if file.exists() else ""

    def secret(self, name: str) -> str:
        """A secret of this stack, e.g. `nats-ingest` or `s3-storage`."""
        return self.home.secret(name).read_text(encoding="utf-8")

    def address(self, name: str) -> str:
        """Where a part serves."""
        return self._part(name).address

    @property
    def owner_key(self) -> str:
        """The owner's key."""
        return self.home.owner_key().read_text(encoding="utf-8").strip()

    @property
    def mail_page(self) -> str:
        """Where the caught mails are shown."""
        return f"http://127.0.0.1:{self.ports['mail-page']}"

    def last_log_lines(self, name: str) -> str:
        """The end of a part's log, for a message."""
        file = self.home.logs / f"{name}.log"
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
        return f"The end of {file}:\n" + "\n".join(f"  {line}" for line in lines[-LOG_LINES:])

    def _choose_ports(self) -> None:
        names = (
            *nats.PORTS, *postgres.PORTS, *objects.PORTS, *mail.PORTS, *services.PORTS, *gateway.PORTS,
            *(("gateway",) if not self.port else ()),
            *(antivirus.PORTS if antivirus.NAME in self.names else ()),
            *(monitoring.PARTS if monitoring.PARTS[0] in self.names else ()),
        )  # fmt: skip
        self.ports = self.home.ports(names)
        if self.port and "caddy" in self.names and not is_free(self.port):
            raise CannotStart(f"Port {self.port} is in use by another program. LETTERBOX_PORT chooses another one.")
        self.ports["gateway"] = self.port or self.ports["gateway"]

    async def _prepare(self) -> None:
        if "postgres" in self.names:
            server = f"postgresql://postgres@127.0.0.1:{self.ports['postgres']}"
            passwords = {role: self.secret(f"postgres-{role}") for role in ROLES}
            await prepare_roles(server, self.secret("postgres-postgres"), passwords)
        if "nats" in self.names:
            wait = self.environment.get("nats", {}).get("LETTERBOX_NATS_ACK_WAIT_SECONDS")
            await nats.prepare_streams(self.home, self.address("nats"), ack_wait_seconds=float(wait) if wait else None)
        if "object-store" in self.names:
            await prepare_bucket(
                ObjectSettings(
                    s3_endpoint_url=self.address("object-store"),
                    s3_region=objects.REGION,
                    s3_access_key=objects.access_key("operator"),
                    s3_secret_key=SecretStr(self.secret("s3-operator")),
                    bucket=self.bucket,
                )
            )

    def _part(self, name: str) -> Part:
        home, ports = self.home, self.ports
        address = f"http://127.0.0.1:{ports['gateway']}"
        match name:
            case "nats":
                return nats.nats_part(home, ports)
            case "postgres":
                return postgres.postgres_part(home, ports)
            case "object-store":
                return objects.objects_part(home, ports, self.bucket)
            case "mail":
                return mail.mail_part(home, ports)
            case antivirus.NAME:
                return antivirus.antivirus_part(home, ports, self._signatures)
            case "caddy":
                trace = self.environment.get("caddy", {}).get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
                trace = trace or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
                return gateway.gateway_part(home, ports, ports["gateway"], trace)
            case _ if name in monitoring.PARTS and self._monitoring is not None:
                return self._monitoring.part(name, home, ports)
            case _:
                return services.service_part(name, home, ports, address, self.bucket)

    def _launch(self, part: Part) -> None:
        if part.before is not None:
            part.before()
        common = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8"}
        more = self.environment.get("*", {}) if part.name in SERVICES else {}
        environment = {**common, **part.environment, **more, **self.environment.get(part.name, {})}
        descriptor = os.open(self.home.logs / f"{part.name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = subprocess.Popen(
                part.command,
                env=environment,
                cwd=REPOSITORY if part.name in (*SERVICES, "mail") else self.home.path,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"{part.name} cannot be started: {error}") from None
        finally:
            os.close(descriptor)
        self.running[part.name] = Running(part, process, Identity.of(process.pid), since=time.monotonic())
        self.write_state()

    def write_state(self) -> None:
        """Write down which processes belong to this stack, for `status` and `down`."""
        parts = {
            name: {
                **(asdict(running.identity) if running.identity else {"pid": 0, "started": ""}),
                "address": running.part.address,
                "health": running.part.health,
                "stop": int(running.part.stop),
                "seconds_to_stop": running.part.seconds_to_stop,
                "restarts": running.restarts,
            }
            for name, running in self.running.items()
        }
        state = {"launcher": asdict(Identity.of(os.getpid())), "gateway_port": self.ports["gateway"], "parts": parts}
        self.home.write(STATE, json.dumps(state, indent=2) + "\n")

    async def _reaped(self, running: Running) -> None:
        if running.process is not None:
            await asyncio.to_thread(running.process.wait, 10)

    def _send(self, name: str, number: signal.Signals) -> None:
        identity = self.running[name].identity
        if identity is not None:
            identity.send(number)
