"""Stand-ins for Loki and Tempo, which are not on this machine: the two requests that `letterbox trace` makes.

They answer as the HTTP APIs of Loki 3 and Tempo 3 are documented, with the real logs and spans of a test's stack.
"""

import re
from pathlib import Path

from aiohttp import web
from google.protobuf.json_format import MessageToDict

from tests.support.otlp import SpanCollector
from tests.support.served import Served

QUERY = re.compile(r'\{service=~"\.\+"\} \|~ "(.*)"')


class LokiAndTempo(Served):
    """Both on one port."""

    def __init__(self, logs: Path, collector: SpanCollector) -> None:
        self._logs = logs
        self._collector = collector
        app = web.Application()
        app.router.add_get("/loki/api/v1/query_range", self._query)
        app.router.add_get("/api/v2/traces/{trace_id}", self._trace)
        super().__init__(app)

    async def _query(self, request: web.Request) -> web.Response:
        asked = QUERY.fullmatch(request.query["query"])
        if asked is None or not int(request.query["start"]) < int(request.query["end"]):
            return web.Response(status=400)
        wanted = re.compile(asked[1].replace('\\"', '"').replace("\\\\", "\\"))
        streams = [
            {
                "stream": {"service": file.stem},
                "values": [["0", line] for line in file.read_text().splitlines() if wanted.search(line)],
            }
            for file in self._logs.glob("*.log")
        ]
        return web.json_response({"status": "success", "data": {"resultType": "streams", "result": streams}})

    async def _trace(self, request: web.Request) -> web.Response:
        trace_id = request.match_info["trace_id"]
        resources = []
        for resource in self._collector.received:
            one = type(resource)()
            one.CopyFrom(resource)
            for scope in one.scope_spans:
                kept = [span for span in scope.spans if span.trace_id.hex() == trace_id]
                del scope.spans[:]
                scope.spans.extend(kept)
            resources.append(MessageToDict(one))
        return web.json_response({"trace": {"resourceSpans": resources}})
