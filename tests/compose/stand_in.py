#!/usr/bin/python3 -IS
"""A page that says whose place it takes, on STAND_IN_PORT, and what it was asked; `-health` asks it."""

import json
import os
import socket
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = int(os.environ["STAND_IN_PORT"])


class Page(BaseHTTPRequestHandler):
    """Answers whatever is asked."""

    def answer(self) -> None:
        """Say what was asked."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        said = {"stand-in for": os.environ["STAND_IN_FOR"], "path": self.path, "headers": dict(self.headers)}
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: object) -> None:
        """Nothing."""


if __name__ == "__main__":
    if "-health" in sys.argv:
        socket.create_connection(("127.0.0.1", PORT), 5).close()
    else:
        ThreadingHTTPServer(("", PORT), Page).serve_forever()
