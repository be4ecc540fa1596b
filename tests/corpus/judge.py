"""Reads a sample as the indexer reads a document, and says what of it is right."""

import unicodedata
from dataclasses import dataclass

from prometheus_client import REGISTRY

from libs.objects.sniff import PREFIX_BYTES, content_type
from services.indexer import language
from services.indexer.sandbox import Extracted, Limits, Sandbox, Unreadable
from tests.corpus.samples import CONTENT_TYPES, Sample

TAKEN_FOR = "taken for "


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of reading a sample."""

    wrong: tuple[str, ...]
    """What is not as it must be, in words; nothing when it was read as it must."""
    language: bool | None
    """Right or not; None when it is not looked at."""
    title: bool | None
    """Right or not; None when it is not looked at."""
    cpu_seconds: float
    peak_bytes: float

    @property
    def complaints(self) -> list[str]:
        """Everything that is not as it must be."""
        return [*self.wrong, *("language",) * (self.language is False), *("title",) * (self.title is False)]


async def judged(sandbox: Sandbox, sample: Sample, content: bytes) -> Verdict:
    """What reading `content` gives. Nothing else may be read in this process meanwhile."""
    kind = content_type(content[:PREFIX_BYTES], sample.name)
    wrong = []
    cpu, peak = _sum("sandbox_cpu_seconds"), _sum("sandbox_peak_bytes")
    extracted, reason = None, ""
    try:
        extracted = await sandbox.read(content, kind, Limits())
    except Unreadable as refusal:
        reason = refusal.reason
    taken = _taken_for(kind, extracted)
    if taken != CONTENT_TYPES[sample.format]:
        wrong.append(f"taken for {taken}")
    if reason != sample.fails:
        wrong.append(f"ends as {reason or 'read'}, not as {sample.fails or 'read'}")
    elif extracted is not None:
        wrong += _missed(sample, extracted)
    text = "\n".join(extracted.pages) if extracted is not None else ""
    title = extracted.title if extracted is not None else ""
    return Verdict(
        tuple(wrong),
        None if sample.language is None else language.detect(text) == sample.language,
        None if sample.title is None else title == sample.title,
        _sum("sandbox_cpu_seconds") - cpu,
        _sum("sandbox_peak_bytes") - peak,
    )


def _taken_for(sniffed: str, extracted: Extracted | None) -> str:
    """The kind it was read as: the beginning of a large container does not tell it."""
    first = extracted.route[0] if extracted is not None else ""
    return first.removeprefix(TAKEN_FOR) if first.startswith(TAKEN_FOR) else sniffed


def _missed(sample: Sample, extracted: Extracted) -> list[str]:
    text = _flat("\n".join(extracted.pages))
    missed = [f"without {words!r}" for words in sample.finds if _flat(words) not in text]
    missed += [f"with {words!r}" for words in sample.not_finds if words in text]
    for number, words in sample.pages.items():
        if number > len(extracted.pages) or _flat(words) not in _flat(extracted.pages[number - 1]):
            missed.append(f"without {words!r} on page {number}")
    inside = {member.filename for member in extracted.members}
    return missed + [f"without the file {name!r}" for name in sample.members if name not in inside]


def _flat(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).split())


def _sum(metric: str) -> float:
    return REGISTRY.get_sample_value(f"{metric}_sum") or 0.0
