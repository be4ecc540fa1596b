#!/usr/bin/python3 -IS
"""`echo … | nc HOST PORT`, in the stand-in images, for the health checks of the real ones."""

import socket
import sys

with socket.create_connection((sys.argv[1], int(sys.argv[2])), 8) as connection:
    connection.sendall(sys.stdin.buffer.read())
    connection.shutdown(socket.SHUT_WR)
    sys.stdout.buffer.write(connection.makefile("rb").read())
