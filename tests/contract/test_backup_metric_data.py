"""Prometheus's data in a backup, by a real Prometheus's own snapshot; without one a backup says why there is none."""

import asyncio
import io
import shutil
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from letterbox.backups.identity import new_identity
from letterbox.backups.metric_data import FILE, KEPT, keep_metric_data
from letterbox.backups.sealed import Key
from tests.support.ports import free_port
from tests.support.visitor import eventually

PROMETHEUS = shutil.which("prometheus")


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[str]:
    """A Prometheus that has measured something: itself."""
    if PROMETHEUS is None:
        pytest.skip("Prometheus is not installed")
    address = f"127.0.0.1:{free_port()}"
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(
        f"scrape_configs: [{{job_name: p, scrape_interval: 1s, static_configs: [{{targets: ['{address}']}}]}}]"
    )
    child = await asyncio.create_subprocess_exec(
        PROMETHEUS, f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address={address}", "--web.enable-admin-api",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip

    async def measured() -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"http://{address}/api/v1/query?query=up") as answer:
                return bool((await answer.json())["data"]["result"])
        except aiohttp.ClientError:
            return False

    try:
        await eventually(measured)
        yield f"http://{address}"
    finally:
        child.terminate()
        await child.wait()


async def test_a_snapshot_is_kept_and_prometheus_keeps_none(prometheus: str, tmp_path: Path) -> None:
    key = Key(new_identity())
    assert await keep_metric_data(prometheus, tmp_path, key) == KEPT
    with tarfile.open(fileobj=io.BytesIO(key.unseal((tmp_path / FILE).read_bytes()))) as archive:
        names = archive.getnames()
    assert [name for name in names if name.endswith("/chunks/000001")]
    assert [name for name in names if name.endswith("/meta.json")]
    assert list((tmp_path / "data" / "snapshots").iterdir()) == []


async def test_without_prometheus_a_backup_goes_on_and_says_why(tmp_path: Path) -> None:
    key = Key(new_identity())
    assert await keep_metric_data("", tmp_path, key) == "not asked for"
    assert "did not answer" in await keep_metric_data(f"http://127.0.0.1:{free_port()}", tmp_path, key)
    assert list(tmp_path.iterdir()) == []
