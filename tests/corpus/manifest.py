"""All samples of the corpus."""

from tests.corpus.ours import OURS
from tests.corpus.theirs import THEIRS

SAMPLES = (*THEIRS, *OURS)
