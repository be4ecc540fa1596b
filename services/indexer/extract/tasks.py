"""What the sandbox's disposable processes can be asked to do."""

from services.indexer.extract.read import read

TASKS = {"read": read}
