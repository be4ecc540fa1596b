"""`python -m tests.hostile.reader FOLDER`: owns a sandbox as the indexer does, reads every file, tells of each."""

import asyncio
import json
import sys
import time
from pathlib import Path

from libs.objects.sniff import PREFIX_BYTES, content_type
from services.indexer.sandbox import Limits, Sandbox, Unreadable

LIMITS = Limits(
    memory_bytes=1 << 30, wall_seconds=15, cpu_seconds=15, output_bytes=16 << 20, pages=200, ocr_pages=2,
    pixels=20_000_000, text_bytes=2 << 20,
)  # fmt: skip
RESERVES = 2


async def main(folder: Path) -> None:
    """Read what is in the folder, two at a time."""
    waiting = sorted(folder.iterdir())
    async with Sandbox(reserves=RESERVES) as sandbox:
        await sandbox.read(b"A first text.", "text/plain", LIMITS)
        before = resident_bytes()

        async def reader() -> None:
            while waiting:
                told = await _read(sandbox, waiting.pop())
                print(json.dumps({**told, "grown": resident_bytes() - before}), flush=True)

        await asyncio.gather(reader(), reader())
        await asyncio.sleep(0.2)
        left = children(sandbox.process_id)
        print(json.dumps({"warm": sandbox.process_id, "left": left, "grown": resident_bytes() - before}), flush=True)


async def _read(sandbox: Sandbox, file: Path) -> dict[str, object]:
    content, text, began = file.read_bytes(), "", time.monotonic()
    kind = content_type(content[:PREFIX_BYTES], file.name)
    try:
        extracted = await sandbox.read(content, kind, LIMITS)
        text, end = "\n".join((extracted.title, *extracted.pages)), "read"
    except Unreadable as refusal:
        end = refusal.reason
    return {"name": file.name, "kind": kind, "end": end, "text": text[:20_000], "seconds": time.monotonic() - began}


def resident_bytes() -> int:
    """What this process holds."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


def children(pid: int) -> list[int]:
    """The processes that one has started and that are there."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
