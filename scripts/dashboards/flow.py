"""The flow as a picture: each step a box with its backlog, arrows as events go."""

from typing import Any

from grafana_foundation_sdk.builders import canvas, prometheus

from scripts.dashboards.panels import PROMETHEUS, Panel

WIDTH, HEIGHT = 150, 62
BOXES = {
    "gateway": (20, 110),
    "ingest": (210, 110),
    "storage-record": (400, 40),
    "storage-journey": (400, 180),
    "indexer-extract": (590, 40),
    "indexer-index": (780, 40),
    "indexer-preview": (780, 125),
    "notifier-mail": (590, 210),
    "search": (970, 40),
}
"""Where each step is drawn."""
ARROWS = (
    ("gateway", "ingest"),
    ("ingest", "storage-record"),
    ("ingest", "storage-journey"),
    ("storage-record", "indexer-extract"),
    ("storage-record", "notifier-mail"),
    ("indexer-extract", "indexer-index"),
    ("indexer-extract", "indexer-preview"),
    ("indexer-index", "search"),
)
NUMBERS = {
    "gateway": ('sum(rate(caddy_http_request_duration_seconds_count{job="gateway"}[5m]))', "requests/s"),
    "ingest": ('sum(rate(contact_submissions_total{outcome="accepted"}[5m])) * 60', "accepted/min"),
    "search": ("sum(rate(search_queries_total[5m])) * 60", "searches/min"),
}
"""What is shown of the steps that are no durable; of a durable it is what waits for it."""


def flow() -> Panel:
    """The picture; numbers are live. A box is named by the field that its number comes from."""
    panel = (
        canvas.Panel().title("The way of a submission").datasource(PROMETHEUS).span(24).height(11).inline_editing(False)
    )
    for position, name in enumerate(BOXES):
        expr, _ = NUMBERS.get(name, (f'max(consumer_pending{{durable="{name}"}})', ""))
        target = prometheus.Dataquery().expr(expr).legend_format(name).ref_id(chr(ord("A") + position))
        panel = panel.with_target(target.instant().datasource(PROMETHEUS))
    elements: list[Any] = []
    for name, (left, top) in BOXES.items():
        _, unit = NUMBERS.get(name, ("", "waiting"))
        links = [_arrow(target) for source, target in ARROWS if source == name]
        elements.append(_box(name, left, top, links))
        elements.append(_text(f"{name} name", f"{name}  ·  {unit}", left, top + 2))
        elements.append(_value(f"{name} value", name, left, top + 24))
    built = panel.build()
    built.options = {
        "inlineEditing": False,
        "panZoom": False,
        "showAdvancedTypes": True,
        "root": {
            "type": "frame",
            "name": "flow",
            "elements": elements,
            "placement": {"top": 0, "left": 0, "width": 1140, "height": 290},
            "constraint": {"horizontal": "left", "vertical": "top"},
            "background": {"color": {"fixed": "transparent"}},
        },
    }
    return _Built(built)


class _Built:
    """A panel that is finished, where the dashboard wants a builder."""

    def __init__(self, panel: Any) -> None:
        self._panel = panel

    def build(self) -> Any:
        """The panel."""
        return self._panel


def _box(name: str, left: int, top: int, connections: list[dict[str, object]]) -> dict[str, object]:
    return {
        "type": "rectangle",
        "name": name,
        "config": {"text": {"mode": "fixed", "fixed": ""}, "align": "center", "valign": "middle"},
        "background": {"color": {"fixed": "#8884"}},
        "border": {"color": {"fixed": "#888"}, "width": 1, "radius": 8},
        "connections": connections,
        **_place(left, top, WIDTH, HEIGHT),
    }


def _text(name: str, text: str, left: int, top: int) -> dict[str, object]:
    config = _written({"mode": "fixed", "fixed": text}, size=12)
    return {"type": "text", "name": name, "config": config, **_place(left, top, WIDTH, 22)}


def _value(name: str, field: str, left: int, top: int) -> dict[str, object]:
    config = _written({"mode": "field", "field": field, "fixed": ""}, size=20)
    return {"type": "metric-value", "name": name, "config": config, **_place(left, top, WIDTH, 34)}


def _written(text: dict[str, str], *, size: int) -> dict[str, object]:
    return {"text": text, "size": size, "align": "center", "valign": "middle", "color": {"fixed": "text"}}


def _place(left: int, top: int, width: int, height: int) -> dict[str, object]:
    return {
        "placement": {"left": left, "top": top, "width": width, "height": height, "rotation": 0},
        "constraint": {"horizontal": "left", "vertical": "top"},
    }


def _arrow(target: str) -> dict[str, object]:
    return {
        "source": {"x": 1, "y": 0},
        "target": {"x": -1, "y": 0},
        "targetName": target,
        "path": "straight",
        "color": {"fixed": "#888"},
        "size": {"fixed": 2, "min": 1, "max": 10},
    }
