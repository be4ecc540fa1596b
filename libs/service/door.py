"""A listening socket that is closed with nobody left in the doorway.

The kernel completes connections before the program takes them. Whoever waits there when the socket is closed is reset,
perhaps with a request on its way that may not be sent twice. So those who wait are taken in the same moment in which
the door is closed. Source: shutdown(2) on a listening socket, which on Linux refuses at once whoever comes later.
"""

import socket
from collections.abc import Iterator
from contextlib import suppress


def bound(host: str, port: int, backlog: int) -> socket.socket:
    """A socket that listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setblocking(False)
        door.bind((host, port))
        door.listen(backlog)
    except OSError:
        door.close()
        raise
    return door


def shut(door: socket.socket) -> list[socket.socket]:
    """Take everybody who waits, and refuse everybody who comes later; there is no moment in between for the program."""
    waiting = list(_waiting(door))
    with suppress(OSError):  # where it cannot be done, closing the socket does it
        door.shutdown(socket.SHUT_RD)
    return waiting


def _waiting(door: socket.socket) -> Iterator[socket.socket]:
    while True:
        try:
            connection = door.accept()[0]
        except ConnectionAbortedError:  # gone again
            continue
        except OSError:  # nobody is left
            return
        connection.setblocking(False)
        yield connection
