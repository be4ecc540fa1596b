"""Monitoring beside the local stack: Debian's Prometheus, Alertmanager and exporters, and the synthetic check."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from shutil import which
from sys import executable
from urllib.parse import urlsplit

from letterbox.local.failure import CannotStart
from letterbox.local.home import REPOSITORY, Home
from letterbox.local.part import Part
from letterbox.monitoring import alerts, receivers, scrape, yaml
from letterbox.monitoring.durations import faster, seconds
from letterbox.preparation import DATABASE
from libs.service.settings import load

NAME = "monitoring"
SWITCH, TIMES, TLS = "LETTERBOX_MONITORING", "LETTERBOX_MONITORING_TIMES", "LETTERBOX_MONITORING_TLS"
PARTS = ("prometheus", "alertmanager", "node-exporter", "blackbox", "postgres-exporter", "synthetic")
"""Names of the parts, and of their ports."""
PROGRAMS = {
    "prometheus": ("prometheus", "prometheus"),
    "alertmanager": ("prometheus-alertmanager", "prometheus-alertmanager"),
    "node-exporter": ("prometheus-node-exporter", "prometheus-node-exporter"),
    "blackbox": ("prometheus-blackbox-exporter", "prometheus-blackbox-exporter"),
    "postgres-exporter": ("prometheus-postgres-exporter", "prometheus-postgres-exporter"),
}
"""Each part's program, and the package of Debian that brings it."""
HEADING = "Written by the local stack from deploy/prometheus/*.toml and the settings."
OTHER_DISKS = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|mqueue|nsfs|proc|sysfs|tracefs)$"
)
OTHER_MOUNTS = "^/(dev|proc|run|sys|etc|boot|snap|mnt|media|var/lib/docker)($|/)"
Details = tuple[list[str], Callable[[], object] | None, str, dict[str, str]]
"""Arguments, what runs before each start, the path that answers 200 while it is healthy, and environment."""
MAIL_TO = "owner@localhost.localdomain"
"""Who is told when no settings say so: the local catch-all takes it."""
SYNTHETIC_SECONDS, LEAST_BUDGET_SECONDS = ("5m", "60s"), 15.0


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What was asked for: monitoring, with time running `times` as fast, and a TLS server to watch besides."""

    times: float = 1.0
    tls: str = ""

    @classmethod
    def asked_for(cls, environment: Mapping[str, str]) -> "Monitoring | None":
        """What the environment asks for; None when it asks for no monitoring. Raises CannotStart."""
        if environment.get(SWITCH, "") in ("", "0", "off"):
            return None
        missing = sorted({package for program, package in PROGRAMS.values() if which(program) is None})
        if missing:
            raise CannotStart(f"Monitoring needs programs of Debian's: apt-get install {' '.join(missing)}")
        return cls(float(environment.get(TIMES) or 1), environment.get(TLS, ""))

    def part(self, name: str, home: Home, ports: Mapping[str, int]) -> Part:
        """One part of the monitoring."""
        address = f"http://127.0.0.1:{ports[name]}"
        if name == "synthetic":
            return self._synthetic(home, ports, address)
        listen = f"127.0.0.1:{ports[name]}"
        arguments, before, health, environment = {
            "prometheus": self._prometheus,
            "alertmanager": self._alertmanager,
            "node-exporter": self._node,
            "blackbox": self._blackbox,
            "postgres-exporter": self._postgres,
        }[name](home, ports)
        command = [PROGRAMS[name][0], f"--web.listen-address={listen}", *arguments]
        return Part(name, command, address, f"{address}{health}", environment, before=before)

    def _prometheus(self, home: Home, ports: Mapping[str, int]) -> Details:
        known, rules = alerts.table(), home.path / "rules.yml"
        configuration = scrape.for_local(known, ports, str(rules), self.times, self.tls)

        def write() -> None:
            home.write(rules.name, yaml.document(alerts.rules(known, self.times), HEADING))
            home.write("prometheus.yml", yaml.document(configuration, HEADING))

        arguments = [
            f"--config.file={home.path / 'prometheus.yml'}",
            f"--storage.tsdb.path={home.folder('prometheus')}",
            "--storage.tsdb.retention.time=15d",
            "--enable-feature=exemplar-storage",
            "--web.enable-admin-api",
            "--rules.alert.resend-delay=" + faster("1m", self.times),
            "--rules.alert.for-grace-period=0s",
        ]
        return arguments, write, "/-/ready", {}

    def _alertmanager(self, home: Home, ports: Mapping[str, int]) -> Details:
        settings = load(receivers.Settings)
        if not settings.alert_mail_to:
            mail = {"alert_mail_to": MAIL_TO, "alert_smarthost": f"127.0.0.1:{ports['mail']}"}
            settings = settings.model_copy(update=mail)
        configuration = receivers.configuration(alerts.table(), settings, self.times)
        arguments = [
            f"--config.file={home.path / 'alertmanager.yml'}",
            f"--storage.path={home.folder('alertmanager')}",
            "--cluster.listen-address=",
        ]
        return arguments, partial(home.write, "alertmanager.yml", yaml.document(configuration, HEADING)), "/-/ready", {}

    def _node(self, home: Home, _ports: Mapping[str, int]) -> Details:
        arguments = [
            f"--collector.textfile.directory={home.folder('metrics')}",
            f"--collector.filesystem.fs-types-exclude={OTHER_DISKS}",
            f"--collector.filesystem.mount-points-exclude={OTHER_MOUNTS}",
        ]
        return arguments, None, "/", {}

    def _blackbox(self, _home: Home, _ports: Mapping[str, int]) -> Details:
        return [f"--config.file={REPOSITORY / 'deploy' / 'blackbox' / 'blackbox.yml'}"], None, "/-/healthy", {}

    def _postgres(self, home: Home, ports: Mapping[str, int]) -> Details:
        environment = {
            "DATA_SOURCE_URI": f"127.0.0.1:{ports['postgres']}/{DATABASE}?sslmode=disable",
            "DATA_SOURCE_USER": "monitoring",
            "DATA_SOURCE_PASS_FILE": str(home.secret("postgres-monitoring")),
        }
        return ["--no-collector.bgwriter"], None, "/", environment

    def _synthetic(self, home: Home, ports: Mapping[str, int], address: str) -> Part:
        every, budget = (seconds(text) / self.times for text in SYNTHETIC_SECONDS)
        environment = {
            "PYTHONPATH": str(REPOSITORY),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LETTERBOX_HOST": "127.0.0.1",
            "LETTERBOX_OPS_PORT": str(urlsplit(address).port),
            "LETTERBOX_PUBLIC_URL": f"http://127.0.0.1:{ports['gateway']}",
            "LETTERBOX_OWNER_KEY_FILE": str(home.owner_key()),
            "LETTERBOX_SYNTHETIC_EVERY_SECONDS": f"{every:g}",
            "LETTERBOX_SYNTHETIC_BUDGET_SECONDS": f"{max(budget, LEAST_BUDGET_SECONDS):g}",
        }
        command = [executable, "-m", "letterbox", "synthetic"]
        return Part("synthetic", command, address, f"{address}/health/ready", environment)
