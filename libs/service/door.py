"""A listening socket that can be closed without resetting anybody.

The kernel completes connections before the program takes them. Whoever waits there when the socket is closed is reset,
perhaps with a request on its way that may not be sent twice. So the door first lets nobody new in (a filter drops their
packets, and they try again a second later, when the port is closed and refuses them), and those who wait are taken.
Source: socket(7), SO_ATTACH_FILTER, which needs no privilege.
"""

import ctypes
import socket
import struct
import sys

SO_ATTACH_FILTER = 26
RETURN_CONSTANT = 0x06
"""BPF_RET | BPF_K: keep that many bytes of a packet."""


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


def let_nobody_in(door: socket.socket) -> None:
    """Drop what arrives for the listening socket from now on; connections that are made already are not touched."""
    if sys.platform != "linux":
        return
    drop = ctypes.create_string_buffer(struct.pack("HBBI", RETURN_CONSTANT, 0, 0, 0))
    program = struct.pack("@HP", 1, ctypes.addressof(drop))
    door.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
