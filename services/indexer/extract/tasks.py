"""What the sandbox's disposable processes can be asked to do, and what is done once before they are forked."""

from services.indexer.extract.read import read
from services.indexer.extract.warm import prepare

__all__ = ["TASKS", "prepare"]

TASKS = {"read": read}
