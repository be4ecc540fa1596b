"""The least that can accept a message: the same aiohttp, one acknowledged JetStream publish, and nothing else.

`python -m bench.baseline_accept NATS_URL USER PASSWORD PORT`
"""

import asyncio
import secrets
import sys

import nats
import uvloop
from aiohttp import web


async def main() -> None:
    """Serve until the process is ended."""
    url, user, password, port = sys.argv[1:5]
    nc = await nats.connect(url, user=user, password=password, inbox_prefix=f"_INBOX_{user}".encode())
    js = nc.jetstream()

    async def accept(request: web.Request) -> web.Response:
        await js.publish(f"submission.created.{secrets.token_hex(16)}", await request.read())
        return web.json_response({"status": "accepted"}, status=202)

    app = web.Application()
    app.router.add_post("/contact", accept)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port), backlog=1024).start()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
