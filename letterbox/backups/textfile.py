"""Metrics for node exporter's textfile collector: when the last backup and the last drill went well."""

import os
import time
from collections.abc import Mapping
from pathlib import Path

HELP = {
    "letterbox_backup_last_success_timestamp_seconds": "When the last backup was complete.",
    "letterbox_backup_size_bytes": "Bytes of the last backup, with all objects it names.",
    "letterbox_backup_seconds": "How long the last backup took.",
    "letterbox_drill_last_success_timestamp_seconds": "When a backup was last restored and found to be whole.",
    "letterbox_drill_rto_seconds": "How long the last drill took until everything was verified and found.",
    "letterbox_drill_rpo_seconds": "How old the backup of the last drill was.",
}


def write_metrics(folder: Path, name: str, values: Mapping[str, float]) -> None:
    """Write the metrics `letterbox_<name>_…` into a file of their own, whole or not at all."""
    lines = []
    for metric, value in {"last_success_timestamp_seconds": time.time(), **values}.items():
        full = f"letterbox_{name}_{metric}"
        lines += [f"# HELP {full} {HELP[full]}", f"# TYPE {full} gauge", f"{full} {value}"]
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".letterbox_{name}.{os.getpid()}"
    draft.write_text("\n".join(lines) + "\n", encoding="utf-8")
    draft.chmod(0o644)  # node exporter is another user
    draft.replace(folder / f"letterbox_{name}.prom")
