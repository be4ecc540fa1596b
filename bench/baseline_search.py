"""The index without a service: a line with the number of a question is answered with a line with its total.

Each connection is a task; the index searches in the thread pool. `python -m bench.baseline_search FOLDER FILE PORT`
"""

import asyncio
import json
import sys
from pathlib import Path

import uvloop

from libs.index.tantivy import TantivyIndex
from services.search.query import SearchRequest


async def main() -> None:
    """Serve until the process is ended."""
    folder, file, port = sys.argv[1:4]
    index = TantivyIndex(Path(folder))
    asked = [SearchRequest.model_validate(one).for_index() for one in json.loads(Path(file).read_text("utf-8"))]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            results = await index.search(asked[int(line)])
            writer.write(f"{results.total} {len(results.hits)}\n".encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", int(port))
    print("ready", flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
