"""What the sandbox's disposable processes can be asked to do, and what they do before they are asked."""

from services.indexer.extract.read import read
from services.indexer.extract.warm import prepare, warm_up

__all__ = ["TASKS", "prepare", "warm_up"]

TASKS = {"read": read}
