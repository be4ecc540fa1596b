"""What the handlers of search work with."""

from dataclasses import dataclass

from aiohttp import web

from libs.index.protocol import SearchIndex
from libs.objects.store import ObjectStore
from services.search.access import Access
from services.search.operations import Operations
from services.search.records import Records
from services.search.stream import Stream


@dataclass(frozen=True)
class Parts:
    """Everything search needs, opened in `__main__`."""

    index: SearchIndex
    records: Records
    objects: ObjectStore
    access: Access
    stream: Stream
    operations: Operations
    scanned: bool = False
    """Whether files are scanned for viruses, so that one that is not yet must not be given away."""


PARTS = web.AppKey("parts", Parts)
