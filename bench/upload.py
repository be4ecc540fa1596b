"""1 GiB as files of 25 MiB through ingest, against a raw aiobotocore upload of the same bytes; and ingest's memory."""

import asyncio
import os
import time
from typing import TYPE_CHECKING

from aiobotocore.session import get_session

from bench.measure import RATES_OFF, Row, resident_bytes, stack_for
from letterbox.local.objects import REGION, access_key
from letterbox.local.stack import LocalStack

if TYPE_CHECKING:
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

HEADER = b"%PDF-1.7\n"
FILE_BYTES = 25 << 20
FILES = 41
AT_ONCE = 2
PART_BYTES = 8 << 20
ROUNDS = 2
MOST_GROWTH_MEBIBYTES = 64


async def run(*, quick: bool) -> list[Row]:
    """Two rows: speed and memory."""
    files = 4 if quick else FILES
    content = HEADER + os.urandom(FILE_BYTES - len(HEADER))
    ours, raw, growth = [], [], 0.0
    async with stack_for(("nats", "object-store", "ingest"), {"ingest": RATES_OFF}) as stack:
        await _through_ingest(stack, content, AT_ONCE)  # warm
        for _ in range(1 if quick else ROUNDS):
            raw.append(await _raw(stack, content, files))
            rate, grown = await _measured(stack, content, files)
            ours.append(rate)
            growth = max(growth, grown)
    met = growth < MOST_GROWTH_MEBIBYTES
    memory = Row(
        "memory that ingest gained meanwhile", f"{growth:.0f} MiB", "—", growth / MOST_GROWTH_MEBIBYTES, "< 64 MiB", met
    )
    return [Row.at_least("upload of 1 GiB as 25 MiB files", ours, raw, 0.7, "MiB/s"), memory]


async def _measured(stack: LocalStack, content: bytes, files: int) -> tuple[float, float]:
    """(MiB per second, MiB that ingest's memory grew at most)."""
    identity = stack.running["ingest"].identity
    assert identity is not None
    before = most = resident_bytes(identity.pid)
    sending = asyncio.create_task(_through_ingest(stack, content, files))
    while not sending.done():
        most = max(most, resident_bytes(identity.pid))
        await asyncio.sleep(0.02)
    return await sending, (most - before) / (1 << 20)


async def _through_ingest(stack: LocalStack, content: bytes, files: int) -> float:
    began, left = time.perf_counter(), iter(range(files))

    async def client() -> None:
        for _ in left:
            await _post(stack.ports["ingest"], content)

    await asyncio.gather(*(client() for _ in range(AT_ONCE)))
    return files * len(content) / (1 << 20) / (time.perf_counter() - began)


async def _post(port: int, content: bytes) -> None:
    """One multipart form with one file, on a raw socket: the client must cost next to nothing."""
    fields = {"name": "Ada", "email": "ada@example.org", "message": "A large file."}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    parts.append('--b\r\nContent-Disposition: form-data; name="files"; filename="large.txt"\r\n\r\n')
    head, tail = "".join(parts).encode(), b"\r\n--b--\r\n"
    length = len(head) + len(content) + len(tail)
    request = (
        f"POST /contact HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.encode() + head)
    view = memoryview(content)
    for begin in range(0, len(view), 1 << 18):
        writer.write(view[begin : begin + (1 << 18)])
        await writer.drain()
    writer.write(tail)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 202"):
        raise RuntimeError(answer[:500].decode(errors="replace"))


async def _raw(stack: LocalStack, content: bytes, files: int) -> float:
    """The same bytes by multipart uploads with the same parts and as many at once."""
    async with get_session().create_client(
        "s3",
        endpoint_url=stack.address("object-store"),
        region_name=REGION,
        aws_access_key_id=access_key("ingest"),
        aws_secret_access_key=stack.secret("s3-ingest"),
    ) as s3:
        began, numbers = time.perf_counter(), iter(range(files))

        async def upload(key: str) -> None:
            started = await s3.create_multipart_upload(Bucket=stack.bucket, Key=key)
            parts: list[CompletedPartTypeDef] = []
            for number, begin in enumerate(range(0, len(content), PART_BYTES), 1):
                body = content[begin : begin + PART_BYTES]
                answer = await s3.upload_part(
                    Bucket=stack.bucket, Key=key, UploadId=started["UploadId"], PartNumber=number, Body=body
                )
                parts.append({"ETag": answer["ETag"], "PartNumber": number})
            await s3.complete_multipart_upload(
                Bucket=stack.bucket, Key=key, UploadId=started["UploadId"], MultipartUpload={"Parts": parts}
            )

        async def client() -> None:
            for number in numbers:
                await upload(f"originals/raw/{time.time_ns()}/{number}")

        await asyncio.gather(*(client() for _ in range(AT_ONCE)))
        return files * len(content) / (1 << 20) / (time.perf_counter() - began)
