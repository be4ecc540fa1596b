"""A cheap HTTP load: keep-alive connections on raw sockets, in a process of its own. Prints accepted per second.

`python -m bench.load HOST PORT PATH CLIENTS REQUESTS`
"""

import asyncio
import json
import sys
import time

import uvloop


def request(host: str, path: str, number: int) -> bytes:
    """One POST with a message of its own."""
    fields = {
        "name": "Ada Lovelace",
        "email": "ada@example.org",
        "subject": f"Question {number}",
        "message": f"Good morning, this is message number {number}: could you please restore our harbour bell? " * 2,
    }
    body = json.dumps(fields).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def client(host: str, port: int, path: str, numbers: range) -> int:
    """Send the requests one after another over one connection; returns how many were accepted."""
    reader, writer = await asyncio.open_connection(host, port)
    accepted = 0
    for number in numbers:
        writer.write(request(host, path, number))
        head = await reader.readuntil(b"\r\n\r\n")
        accepted += head.startswith(b"HTTP/1.1 202")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    return accepted


async def main() -> None:
    """Run all clients at once."""
    host, port, path, clients, requests = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
    each = requests // clients
    began = time.perf_counter()
    accepted = await asyncio.gather(
        *(client(host, port, path, range(n * each, (n + 1) * each)) for n in range(clients))
    )
    seconds = time.perf_counter() - began
    if sum(accepted) != each * clients:
        sys.exit(f"only {sum(accepted)} of {each * clients} were accepted")
    print(sum(accepted) / seconds)


if __name__ == "__main__":
    uvloop.run(main())
