"""Asks a service on this machine whether it is ready: `python probe.py [PORT]`, for a container's health check.

A program of its own that imports almost nothing: it runs every few seconds.
"""

import socket
import sys

TIMEOUT_SECONDS = 4.0
DEFAULT_PORT = 9000


def is_ready(port: int) -> bool:
    """Whether `/health/ready` is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_PORT))
