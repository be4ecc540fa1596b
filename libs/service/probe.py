"""Asks a service on this machine whether it is ready: `python probe.py [PORT [PATH]]`, for a container's health check.

A program of its own that imports almost nothing: it runs every few seconds.
"""

import socket
import sys

TIMEOUT_SECONDS = 4.0
DEFAULT_PORT, DEFAULT_PATH = "9000", "/health/ready"


def is_ready(port: str = DEFAULT_PORT, path: str = DEFAULT_PATH) -> bool:
    """Whether `path` is answered with 200."""
    try:
        with socket.create_connection(("127.0.0.1", int(port)), TIMEOUT_SECONDS) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            return connection.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(*sys.argv[1:3]))
