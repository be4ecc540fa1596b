"""Prometheus's data, by its own snapshots: they are nice to have, so a backup goes on without them and says why."""

import asyncio
import shutil
import tarfile
from pathlib import Path

import aiohttp

from letterbox.backups.sealed import SUFFIX, Key

FILE = f"metrics.tar{SUFFIX}"
TIMEOUT = aiohttp.ClientTimeout(total=60)
KEPT = "kept"


async def keep_metric_data(url: str, folder: Path, key: Key) -> str:
    """Keep a snapshot of the Prometheus at `url`; returns KEPT, or why there is none."""
    if not url:
        return "not asked for"
    try:
        async with aiohttp.ClientSession(base_url=url, timeout=TIMEOUT) as http:
            async with http.get("/api/v1/status/flags") as answer:
                data = Path((await answer.json())["data"]["storage.tsdb.path"])
            async with http.post("/api/v1/admin/tsdb/snapshot") as answer:
                if answer.status != 200:
                    return f"Prometheus answered {answer.status}: is --web.enable-admin-api set?"
                snapshot = data / "snapshots" / (await answer.json())["data"]["name"]
    except (aiohttp.ClientError, TimeoutError, KeyError, ValueError) as error:
        return f"Prometheus did not answer: {type(error).__name__}"
    if not snapshot.is_dir():
        return f"{snapshot} cannot be read from here"
    try:
        await asyncio.to_thread(_pack, snapshot, folder / FILE, key)
    finally:
        await asyncio.to_thread(shutil.rmtree, snapshot, ignore_errors=True)
    return KEPT


def _pack(folder: Path, path: Path, key: Key) -> None:
    with key.writing(path) as out, tarfile.open(fileobj=out, mode="w|") as archive:
        archive.add(folder, arcname="prometheus")
