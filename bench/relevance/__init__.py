"""Does a search find what was meant? Known documents looked for by stated rules (README.md beside this file)."""

from bench.relevance.measure import run

__all__ = ["run"]
