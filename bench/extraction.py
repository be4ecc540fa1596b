"""Reading documents in the sandbox, against the same readers called in this process: large ones, and small ones."""

import asyncio
import contextlib
import io
import os
import time
from collections.abc import Sequence

from docx import Document
from openpyxl import Workbook

from bench.measure import ROUNDS, Row
from bench.prose import prose
from libs.objects.sniff import PREFIX_BYTES, content_type
from services.indexer.extract.read import read
from services.indexer.extract.results import Limits
from services.indexer.sandbox import Sandbox, Unreadable
from tests.corpus.manifest import SAMPLES

LARGE_BYTES = 1 << 20
LIMITS = Limits()
PICTURES = {"PDF, scanned", "PDF, mixed", "PDF, rotated", "PNG", "JPEG", "TIFF", "WebP", "HEIC"}
"""Left out: OCR takes so long that it would hide what the sandbox costs."""
Files = Sequence[tuple[bytes, str]]


async def run(*, quick: bool) -> list[Row]:
    """Three rows: large ones, small ones one at a time, small ones with a child for each processor."""
    documents = await asyncio.to_thread(_readable, [*_corpus(), *_large()])
    large = [document for document in documents if len(document[0]) >= LARGE_BYTES]
    small = [document for document in documents if len(document[0]) < LARGE_BYTES]
    mebibytes = sum(len(content) for content, _ in large) / (1 << 20)
    cores = len(os.sched_getaffinity(0))
    here_large, large_rate, here_small, one, each = [], [], [], [], []
    async with Sandbox() as sandbox:
        await _sandboxed(sandbox, small, cores)
        for _ in range(1 if quick else ROUNDS):
            here_large.append(mebibytes / await asyncio.to_thread(_in_process, large))
            large_rate.append(mebibytes / await _sandboxed(sandbox, large, 1))
            here_small.append(len(small) / await asyncio.to_thread(_in_process, small))
            one.append(len(small) / await _sandboxed(sandbox, small, 1))
            each.append(len(small) / await _sandboxed(sandbox, small, cores))
    return [
        Row.at_least(
            f"reading {len(large)} files of 1 MiB and more in the sandbox", large_rate, here_large, 0.8, "MiB/s"
        ),
        Row.at_least(f"reading {len(small)} small files, one child at a time", one, here_small, 0.25, "files/s"),
        Row.at_least("the same, a child for each processor", each, here_small, 0.4, "files/s"),
    ]


def _corpus() -> list[tuple[bytes, str]]:
    found = []
    for sample in SAMPLES:
        if not sample.fails and sample.format not in PICTURES:
            content = sample.content()
            found.append((content, content_type(content[:PREFIX_BYTES], sample.name)))
    return found


def _readable(documents: Files) -> list[tuple[bytes, str]]:
    """Those that can be read now; reading them once also warms this process up."""
    kept = []
    for content, kind in documents:
        with contextlib.suppress(Unreadable):
            read(content, kind, LIMITS)
            kept.append((content, kind))
    return kept


def _large() -> list[tuple[bytes, str]]:
    """A letter, a sheet and a table of more than 1 MiB each."""
    texts = [prose(800, number) for number in range(6000)]
    office = "application/vnd.openxmlformats-officedocument"
    letter, book, out_letter, out_book = Document(), Workbook(), io.BytesIO(), io.BytesIO()
    for text in texts:
        letter.add_paragraph(text)
        book.active.append((text, len(text)))
    letter.save(out_letter)
    book.save(out_book)
    table = "\n".join(f'{number},"{text}"' for number, text in enumerate(texts)).encode()
    return [
        (out_letter.getvalue(), f"{office}.wordprocessingml.document"),
        (out_book.getvalue(), f"{office}.spreadsheetml.sheet"),
        (table, "text/csv"),
    ]


def _in_process(documents: Files) -> float:
    began = time.perf_counter()
    for content, kind in documents:
        read(content, kind, LIMITS)
    return time.perf_counter() - began


async def _sandboxed(sandbox: Sandbox, documents: Files, at_once: int) -> float:
    left, began = iter(documents), time.perf_counter()

    async def reader() -> None:
        for content, kind in left:
            await sandbox.read(content, kind, LIMITS)

    await asyncio.gather(*(reader() for _ in range(at_once)))
    return time.perf_counter() - began
