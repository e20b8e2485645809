"""Frames over a local socket: a small JSON message and, beside it, bytes that are passed through untouched."""

import json
import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

_SIZES = struct.Struct(">II")

Message = dict[str, Any]


class HungUpError(Exception):
    """The process at the other end is gone."""


def send(channel: socket.socket, message: Mapping[str, Any], payload: bytes = b"") -> None:
    """One frame; raises HungUpError where nobody can receive it."""
    text = json.dumps(message).encode()
    try:
        channel.sendall(_SIZES.pack(len(text), len(payload)) + text + payload)
    except OSError as fault:
        raise HungUpError from fault


def receive(channel: socket.socket) -> tuple[Message, bytes]:
    """The next frame; raises HungUpError at the end, TimeoutError as the socket says."""
    text_size, payload_size = _SIZES.unpack(_exactly(channel, _SIZES.size))
    message: Message = json.loads(_exactly(channel, text_size))
    return message, _exactly(channel, payload_size)


def _exactly(channel: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        try:
            part = channel.recv(min(size - len(parts), 1 << 20))
        except TimeoutError:
            raise
        except OSError as fault:
            raise HungUpError from fault
        if not part:
            raise HungUpError
        parts += part
    return bytes(parts)


def send_sockets(channel: socket.socket, passed: Sequence[socket.socket]) -> None:
    """Hand open sockets to another process."""
    try:
        socket.send_fds(channel, [b"+"], [each.fileno() for each in passed])
    except OSError as fault:
        raise HungUpError from fault


def receive_sockets(channel: socket.socket, count: int) -> list[socket.socket]:
    """Take the sockets that another process hands over."""
    _, descriptors, _, _ = socket.recv_fds(channel, 1, count)
    if len(descriptors) != count:
        raise HungUpError
    return [socket.socket(fileno=each) for each in descriptors]
