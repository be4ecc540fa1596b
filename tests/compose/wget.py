#!/usr/bin/python3 -IS
"""`wget -qO- URL`, in the stand-in images, for the health checks of the real ones; it runs often and imports little."""

import socket
import sys

host, _, path = sys.argv[-1].removeprefix("http://").partition("/")
name, _, port = host.partition(":")
with socket.create_connection((name, int(port)), 8) as connection:
    connection.sendall(f"GET /{path} HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
    sys.exit(connection.makefile("rb").readline().split()[1:2] != [b"200"])
