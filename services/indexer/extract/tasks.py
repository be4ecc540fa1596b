"""What the sandbox's disposable processes can be asked to do."""

from services.indexer.extract.read import read
from services.indexer.extract.render import render

TASKS = {"read": read, "render": render}
