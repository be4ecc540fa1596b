"""Erasing objects leaves nothing: no older version, no delete marker, no part of an upload that never ended."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiobotocore.session import get_session

from letterbox.local.objects import REGION
from libs.objects.store import ObjectStore, object_store
from tests.support.stack import isolated_stack
from tests.support.visitor import operators_objects

OURS, OTHER = "text/" + "a" * 32 + "/", "text/" + "b" * 32 + "/"
PART = b"x" * (5 << 20)


@pytest.fixture
async def bucket() -> AsyncIterator[tuple[ObjectStore, Any, str]]:
    """A store, a bare client, and the name of their bucket, which keeps versions."""
    async with isolated_stack(("object-store",)) as stack:
        settings = operators_objects(stack)
        session = get_session()
        async with (
            object_store(settings) as objects,
            session.create_client(
                "s3",
                endpoint_url=settings.s3_endpoint_url,
                region_name=REGION,
                aws_access_key_id=settings.s3_access_key,
                aws_secret_access_key=settings.s3_secret_key.get_secret_value(),
            ) as client,
        ):
            for prefix in (OURS, OTHER):
                await objects.put(f"{prefix}0.1.json", b"from before", "application/json")
            enabled = {"Status": "Enabled"}
            await client.put_bucket_versioning(Bucket=objects.bucket, VersioningConfiguration=enabled)
            yield objects, client, objects.bucket


async def remains(client: Any, bucket: str, prefix: str) -> list[str]:
    """Versions, delete markers and unfinished uploads under `prefix`."""
    versions = await client.list_object_versions(Bucket=bucket, Prefix=prefix)
    uploads = await client.list_multipart_uploads(Bucket=bucket)
    listed = [*versions.get("Versions", []), *versions.get("DeleteMarkers", []), *uploads.get("Uploads", [])]
    return sorted(one["Key"] for one in listed if one["Key"].startswith(prefix))


async def test_every_version_and_every_unfinished_upload_goes(bucket: tuple[ObjectStore, Any, str]) -> None:
    objects, client, name = bucket
    for prefix in (OURS, OTHER):
        for content in (b"first", b"second"):
            await objects.put(f"{prefix}1.1.json", content, "application/json")
        await objects.put(f"{prefix}2.1.json", b"deleted", "application/json")
        await objects.delete([f"{prefix}2.1.json"])
        upload = await client.create_multipart_upload(Bucket=name, Key=f"{prefix}3.1.json")
        await client.upload_part(
            Bucket=name, Key=f"{prefix}3.1.json", UploadId=upload["UploadId"], PartNumber=1, Body=PART
        )
    before = await remains(client, name, OTHER)
    assert len(before) == 6  # one from before, two versions, one with its delete marker, one upload
    assert len(await remains(client, name, OURS)) == 6
    assert await objects.erase(OURS) > 0
    assert await remains(client, name, OURS) == []
    assert await remains(client, name, OTHER) == before
    assert await objects.erase(OURS) == 0
