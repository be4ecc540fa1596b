"""Every document of the corpus, sniffed and read in the real sandbox: what must be found in it is found."""

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from services.indexer.sandbox import Sandbox
from tests.corpus.judge import judged
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


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
async def test_what_must_be_found_is_found(sandbox: Sandbox, sample: Sample) -> None:
    verdict = await judged(sandbox, sample, _content(sample))
    assert verdict.complaints == []


def test_the_corpus_is_as_large_and_as_varied_as_promised() -> None:
    assert len(SAMPLES) >= 80
    assert sum(sample.origin != MADE for sample in SAMPLES) >= 40
    assert {sample.format for sample in SAMPLES} == set(CONTENT_TYPES)
    assert max(Counter((sample.format, sample.difficulty) for sample in SAMPLES).values()) <= 3
    assert max(Counter(sample.name for sample in SAMPLES).values()) == 1
