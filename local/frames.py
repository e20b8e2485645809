"""Messages between local processes over a socket: a small JSON message and a payload of unparsed bytes."""

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_SIZES = struct.Struct(">II")

Message = dict[str, Any]


class DisconnectedError(Exception):
    """The process at the other end has ended."""


def send(channel: socket.socket, message: Mapping[str, Any], payload: bytes = b"") -> None:
    """Send one frame; raises DisconnectedError."""
    text = json.dumps(message).encode()
    try:
        channel.sendall(_SIZES.pack(len(text), len(payload)) + text + payload)
    except OSError as error:
        raise DisconnectedError from error


def receive(channel: socket.socket) -> tuple[Message, bytes]:
    """The next frame; raises DisconnectedError, or TimeoutError after the socket's timeout."""
    text_size, payload_size = _SIZES.unpack(_receive_exactly(channel, _SIZES.size))
    message: Message = json.loads(_receive_exactly(channel, text_size))
    return message, _receive_exactly(channel, payload_size)


def _receive_exactly(channel: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        try:
            part = channel.recv(min(size - len(received), 1 << 20))
        except TimeoutError:
            raise
        except OSError as error:
            raise DisconnectedError from error
        if not part:
            raise DisconnectedError
        received += part
    return bytes(received)


def send_sockets(channel: socket.socket, sockets: Sequence[socket.socket]) -> None:
    """Pass open sockets to another process."""
    try:
        socket.send_fds(channel, [b"+"], [each.fileno() for each in sockets])
    except OSError as error:
        raise DisconnectedError from error


def receive_sockets(channel: socket.socket, count: int) -> list[socket.socket]:
    """Receive the sockets that another process passes."""
    _, descriptors, _, _ = socket.recv_fds(channel, 1, count)
    if len(descriptors) != count:
        raise DisconnectedError
    return [socket.socket(fileno=each) for each in descriptors]
