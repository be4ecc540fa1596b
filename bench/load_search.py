"""Questions over keep-alive connections, in a process of its own. Prints answers per second and the 99th percentile.

`python -m bench.load_search http|line PORT KEY FILE CLIENTS REQUESTS`
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import uvloop

HOST = "127.0.0.1"


def http(key: str, body: dict[str, object]) -> bytes:
    """The question as the service takes it."""
    content = json.dumps(body).encode()
    head = (
        f"POST /documents/search HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


async def client(port: int, numbers: range, request: Callable[[int], bytes], *, heads: bool) -> list[float]:
    """Ask one after another; returns how long each answer took."""
    reader, writer = await asyncio.open_connection(HOST, port, limit=1 << 24)
    took = []
    for number in numbers:
        began = time.perf_counter()
        writer.write(request(number))
        if heads:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if not head.startswith(b"http/1.1 200"):
                sys.exit(f"an answer was {head[:200]!r}")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
        else:
            await reader.readline()
        took.append(time.perf_counter() - began)
    writer.close()
    return took


async def main() -> None:
    """Run all clients at once."""
    kind, port, key, file, clients, requests = sys.argv[1:7]
    asked = json.loads(Path(file).read_text(encoding="utf-8"))
    bodies = [http(key, one) for one in asked]

    def request(number: int) -> bytes:
        place = number % len(asked)
        return bodies[place] if kind == "http" else f"{place}\n".encode()

    each = int(requests) // int(clients)
    began = time.perf_counter()
    answers = await asyncio.gather(
        *(
            client(int(port), range(n * each, (n + 1) * each), request, heads=kind == "http")
            for n in range(int(clients))
        )
    )
    seconds = time.perf_counter() - began
    took = sorted(one for some in answers for one in some)
    print(json.dumps({"rate": len(took) / seconds, "p99": took[int(len(took) * 0.99)] * 1000}))


if __name__ == "__main__":
    uvloop.run(main())
