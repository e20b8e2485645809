"""Ports of this machine."""

import socket

from local.aws import HOST
from local.errors import PortTakenError


def listen(port: int, purpose: str) -> socket.socket:
    """A socket that listens on a port (0: any free one). Raises PortTakenError."""
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise PortTakenError(port, purpose) from None
    listening.listen(128)
    return listening
